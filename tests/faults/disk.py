"""The disk refuses: full, out of inodes, failing, slow, read-only, not permitted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

from tests.faults.harness import Scene, fault

WRITES = "write,pwrite64,writev"


@fault("Full disk while running, then room again", rows="1, 13", needs=["mount"])
def full_disk(scene: Scene) -> None:
    """A tmpfs of 4 MB is filled by another file after 1,000 records; 20,000 more; the file is deleted; 1,000 more."""
    with scene.disk("size=4m"):
        writer = scene.start()
        writer.log(1000)
        writer.flush()
        ballast = scene.fill()
        writer.log(20_000)
        ballast.unlink()
        writer.log(1000)


@fault("Full disk from the start", rows="1", needs=["mount"])
def full_disk_at_start(scene: Scene) -> None:
    """A full tmpfs of 4 MB; 2,000 records; its ballast is deleted; 1,000 more."""
    with scene.disk("size=4m"):
        ballast = scene.fill()
        if not scene.is_cordwood:
            scene.file.touch()
        writer = scene.start()
        writer.log(2000)
        ballast.unlink()
        writer.log(1000)


@fault("No inode left", rows="16", needs=["mount"])
def no_inodes(scene: Scene) -> None:
    """A tmpfs of 40 inodes, all taken after 1,000 records; 20,000 more, rotating; they are freed; 1,000 more."""
    with scene.disk("size=64m,nr_inodes=40"):
        writer = scene.start(max_bytes=500_000)
        writer.log(1000)
        writer.flush()
        taken = []
        with contextlib.suppress(OSError):
            for number in range(100):
                (scene.logs / f"taken-{number}").touch()
                taken.append(scene.logs / f"taken-{number}")
        writer.log(20_000)
        for path in taken:
            path.unlink()
        writer.log(1000)


@fault("Every fifth write to the file fails (EIO)", rows="2", needs=["strace"])
def transient_eio(scene: Scene) -> None:
    """`strace` fails every fifth write to the log file with EIO during 500 records, flushed by tens."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    with scene.traced(writer, "-P", str(scene.file), "-e", f"inject={WRITES}:error=EIO:when=1+5"):
        for _ in range(50):
            writer.log(10)
            writer.flush(0.05)
    writer.log(100)


@fault("Every write to the file fails (EIO), then none", rows="2", needs=["strace"])
def permanent_eio(scene: Scene) -> None:
    """`strace` fails every write to the log file with EIO during 1,000 records, then lets go; 1,000 more."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    with scene.traced(writer, "-P", str(scene.file), "-e", f"inject={WRITES}:error=EIO"):
        writer.log(1000)
        writer.flush(0.5)
    writer.log(1000)


@fault("fsync fails (EIO)", rows="4", needs=["strace"])
def failing_fsync(scene: Scene) -> None:
    """`strace` fails every fsync and fdatasync with EIO, `sync="always"` (the others never sync); 50 records."""
    writer = scene.start(sync="always")
    with scene.traced(writer, "-e", "inject=fsync,fdatasync,msync:error=EIO"):
        writer.log(50)
        writer.flush()
    writer.log(50)


@fault("The disk hangs", rows="11", needs=["strace"], silent=True)
def hung_disk(scene: Scene) -> None:
    """`strace` delays every write to the log file by 3 s during 500 records."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    with scene.traced(writer, "-P", str(scene.file), "-e", f"inject={WRITES}:delay_enter=3000000"):
        for _ in range(5):
            writer.log(100, 5)
            time.sleep(0.1)
    writer.log(100)


@fault("No segment of the spool can be made (EIO)", rows="2", needs=["strace"], spool=True)
def failing_allocation(scene: Scene) -> None:
    """`strace` fails every allocation in the spool with EIO during 20,000 records, then lets go; 1,000 more."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    with scene.traced(writer, "-e", "inject=fallocate:error=EIO"):
        writer.log(20_000)
    writer.log(1000)


@fault("Every write to the spool fails (EIO), then none", rows="2", needs=["strace"], spool=True)
def failing_spool(scene: Scene) -> None:
    """`strace` fails every write to segments, outbox and books with EIO during 20,000 records; lets go; 1,000 more."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    with scene.traced(writer, "-e", "inject=pwrite64,fallocate,ftruncate:error=EIO"):
        writer.log(20_000)
        writer.flush(0.5)
    writer.log(1000)


@fault("Every fifth write to the spool fails (EIO)", rows="2", needs=["strace"], spool=True)
def failing_spool_at_times(scene: Scene) -> None:
    """`strace` fails every fifth write to segments, outbox and books with EIO; 20,000 records, flushed by hundreds."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    with scene.traced(writer, "-e", "inject=pwrite64,fallocate:error=EIO:when=1+5"):
        for _ in range(200):
            writer.log(100)
            writer.flush(0.02)
    writer.log(100)


@fault("Every third look into the spool fails (EIO)", rows="2", needs=["strace"], spool=True, silent=True)
def failing_reads(scene: Scene) -> None:
    """`strace` fails every third read of the spool's files with EIO during 5,000 records, flushed by hundreds."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    with scene.traced(writer, "-e", "inject=pread64,openat:error=EIO:when=1+3"):
        for _ in range(50):
            writer.log(100)
            writer.flush(0.05)
    writer.log(100)


@fault("The disk under the spool hangs", rows="11", needs=["strace"], spool=True)
def hung_spool(scene: Scene) -> None:
    """`strace` delays all that the spool asks of its disk by 3 s during 20,000 records; 100 more."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    calls = "openat,fallocate,ftruncate,pwrite64,pread64,fsync,fdatasync,unlinkat"
    with scene.traced(writer, "-e", f"inject={calls}:delay_enter=3000000"):
        for _ in range(20):
            writer.log(1000, 5)
            time.sleep(0.1)
    writer.log(100)


@fault("Read-only while running", rows="9", needs=["mount", "strace"])
def read_only(scene: Scene) -> None:
    """`strace` answers EROFS to every open, write and allocation below the log directory during 5,000 records."""
    writer = scene.start(max_bytes=200_000)
    writer.log(1000)
    writer.flush()
    calls = f"openat,fallocate,rename,renameat2,unlink,unlinkat,{WRITES}"
    paths = [word for path in sorted(scene.logs.rglob("*")) for word in ("-P", str(path))]
    with scene.traced(writer, *paths, "-P", str(scene.logs), "-e", f"inject={calls}:error=EROFS"):
        writer.log(5000)
    writer.log(1000)


@fault("Read-only from the start, then writable", rows="9", needs=["mount"])
def read_only_at_start(scene: Scene) -> None:
    """A tmpfs remounted read-only before the process starts, read-write after 1,000 records; 1,000 more."""
    with scene.disk("size=16m"):
        subprocess.run(["mount", "-o", "remount,ro", scene.logs], check=True)
        try:
            writer = scene.start()
            writer.log(1000)
        finally:
            subprocess.run(["mount", "-o", "remount,rw", scene.logs], check=True)
        writer.log(1000)


@fault("Permission lost, then given back", rows="8")
def permission_lost(scene: Scene) -> None:
    """The process has no capabilities; the directory is 000 for 8,000 records, rotating; then 0700; 1,000 more."""
    before = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    writer = scene.start(before=before, max_bytes=200_000)
    writer.log(1000)
    writer.flush()
    scene.logs.chmod(0)
    writer.log(8000)
    scene.logs.chmod(0o700)
    writer.log(1000)


@fault("Writes take half of what they are given", rows="3", needs=["cc"], silent=True)
def short_writes(scene: Scene) -> None:
    """A preloaded library has every write to a file write at most half of its bytes; 3,000 records."""
    library = scene.folder / "short.so"
    source = __file__.replace("disk.py", "short_write.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    writer = scene.start(environment={"LD_PRELOAD": str(library)}, max_bytes=100_000)
    writer.log(3000)


@fault("The file may not grow (RLIMIT_FSIZE), then may", rows="3")
def file_size_limit(scene: Scene) -> None:
    """`setrlimit` stops every file at 300,000 bytes, within a write; 5,000 records; lifted; 1,000 more."""
    writer = scene.start()
    writer.do("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))")
    writer.log(5000)
    writer.do("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)")
    writer.log(1000)


@fault("No descriptor left (EMFILE)", rows="10")
def no_descriptors(scene: Scene) -> None:
    """`setrlimit` takes every further descriptor away during 8,000 records, rotating; given back; 1,000 more."""
    writer = scene.start(max_bytes=200_000)
    writer.log(1000)
    writer.flush()
    writer.do(
        "import resource; writer.files = resource.getrlimit(resource.RLIMIT_NOFILE);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, writer.files[1]))"
    )
    writer.log(8000)
    writer.do("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, writer.files)")
    writer.log(1000)


@fault("A file system without locks (ENOLCK)", rows="12", needs=["strace"])
def no_locks(scene: Scene) -> None:
    """`strace` fails every flock below the log directory with ENOLCK from the start; 2,000 records."""
    before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK"]
    writer = scene.start(before=before)
    writer.log(2000)


@fault("A file system without fallocate (EOPNOTSUPP)", rows="13", needs=["strace"], silent=True)
def no_fallocate(scene: Scene) -> None:
    """`strace` fails every fallocate with EOPNOTSUPP from the start; 5,000 records."""
    before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fallocate:error=EOPNOTSUPP"]
    writer = scene.start(before=before)
    writer.log(5000)
