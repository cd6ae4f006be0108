"""Damage and malice in the spool: the standard library and loguru have none, and pass by doing nothing."""

from __future__ import annotations

import os
import random
import shutil
import struct
from pathlib import Path

from tests.faults.harness import Scene, Writer, fault

HEADER = 4096
FRAMES = 2000


def segments(scene: Scene) -> list[Path]:
    """Those in use, the oldest first."""
    used = [(path.read_bytes()[1024:1032], path) for path in scene.spool.glob("*.seg")]
    return [path for ordinal, path in sorted(used) if ordinal != bytes(8)]


def die_with_records(scene: Scene) -> Writer:
    """A process killed while a folder stood in its log file's place: all its records are in the spool alone."""
    if scene.is_cordwood:
        scene.file.mkdir()
    writer = scene.start()
    writer.log(FRAMES)
    writer.kill()
    if scene.is_cordwood:
        scene.file.rmdir()
    return writer


def next_process(scene: Scene) -> None:
    """The next process on the folder delivers what is left."""
    writer = scene.start()
    writer.log(100)
    writer.flush()


@fault("Bits flip in the spool", rows="15", spool=True, loses=True)
def bit_flips(scene: Scene) -> None:
    """A process is killed with 2,000 records in its spool; 20 bits among them flip; the next process logs 100."""
    die_with_records(scene)
    chance = random.Random(15)
    for path in segments(scene):
        data = bytearray(path.read_bytes())
        for _ in range(20):
            data[chance.randrange(HEADER, HEADER + FRAMES * 100)] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
    next_process(scene)


@fault("The spool's last bytes are torn", rows="15", spool=True, loses=True, cut=True)
def torn_tail(scene: Scene) -> None:
    """A process is killed with 2,000 records in its spool; its segment is cut within a frame; the next logs 100."""
    die_with_records(scene)
    for path in segments(scene):
        os.truncate(path, HEADER + FRAMES * 100 // 2 + 3)
    next_process(scene)


@fault("A frame claims to be gigabytes long", rows="15, 54", spool=True, loses=True)
def garbage_length(scene: Scene) -> None:
    """A process is killed with 2,000 records in its spool; the length of one becomes 4 GB; the next logs 100."""
    die_with_records(scene)
    for path in segments(scene)[:1]:
        data = bytearray(path.read_bytes())
        at = HEADER
        for _ in range(FRAMES // 4):
            (length,) = struct.unpack_from("<I", data, at)
            at += (length + 7) & ~7
        struct.pack_into("<I", data, at, 0xFFFF_FFF0)
        path.write_bytes(data)
    next_process(scene)


@fault("The spool's segments are truncated while mapped", rows="14", spool=True, loses=True)
def truncated_mapping(scene: Scene) -> None:
    """Every segment is truncated to nothing while the process logs; 5,000 more records: a store into one is SIGBUS."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    for path in scene.spool.glob("*.seg"):
        os.truncate(path, 0)
    writer.log(5000)
    writer.flush()
    writer.log(1000)


@fault("The spool's control page is truncated while mapped", rows="14", spool=True, loses=True)
def truncated_control(scene: Scene) -> None:
    """The control page is truncated to nothing while the process logs; 5,000 more records."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    if scene.is_cordwood:
        os.truncate(scene.spool / "control", 0)
    writer.log(5000)
    writer.flush()
    writer.log(1000)


@fault("The outbox is overwritten with garbage", rows="15, 54", spool=True, silent=True)
def garbage_outbox(scene: Scene) -> None:
    """Random bytes over the whole outbox between two processes of 1,000 records each."""
    scene.start().log(1000)
    scene.stop()
    for path in scene.spool.glob("outbox-*"):
        path.write_bytes(random.Random(1).randbytes(100_000))
    scene.start().log(1000)


@fault("The control page is overwritten with garbage", rows="15, 54", spool=True, silent=True)
def garbage_control(scene: Scene) -> None:
    """Random bytes over the control page between two processes of 1,000 records each."""
    scene.start().log(1000)
    scene.stop()
    if scene.is_cordwood:
        (scene.spool / "control").write_bytes(random.Random(1).randbytes(4096))
    scene.start().log(1000)


@fault("Hostile files in the spool", rows="54", spool=True, silent=True)
def hostile_spool(scene: Scene) -> None:
    """Links to devices and to the user's files, a pipe, a folder, garbage, a header that claims 2^63 bytes."""
    scene.spool.mkdir(mode=0o700)
    (scene.spool / "sinks").mkdir(mode=0o700)
    target = scene.folder / "important"
    target.write_text("the user's own")
    names = (f"{number:016x}.seg" for number in range(100))
    (scene.spool / next(names)).symlink_to("/dev/zero")
    (scene.spool / next(names)).symlink_to(target)
    (scene.spool / next(names)).mkdir()
    os.mkfifo(scene.spool / next(names))
    (scene.spool / next(names)).write_bytes(random.Random(54).randbytes(300_000))
    head = bytearray(HEADER * 2)
    head[:12] = b"CORDWOOD" + struct.pack("<I", 1)
    struct.pack_into("<Q", head, 48, 1 << 63)
    struct.pack_into("<Q", head, 1024, 1)
    (scene.spool / next(names)).write_bytes(head)
    (scene.spool / "outbox-0000000000000001").symlink_to(target)
    (scene.spool / "sinks" / "0000000000000001.json").write_text('{"kind": "file", "path": "/etc/passwd"}' * 1000)
    (scene.spool / "sinks" / "0000000000000002.json").symlink_to("/dev/zero")
    scene.start().log(1000)
    scene.stop()
    if target.read_text() != "the user's own":
        scene.outcome.notes.append("wrote through a link")


@fault("A spool made by another user", rows="54", spool=True, needs=["mount"])
def foreign_spool(scene: Scene) -> None:
    """The spool's folder belongs to another user; 1,000 records."""
    scene.spool.mkdir(mode=0o777)
    os.chown(scene.spool, 12345, 12345)
    scene.start().log(1000)
    scene.stop()
    if scene.is_cordwood and any(scene.spool.iterdir()):
        scene.outcome.notes.append("used another user's spool")


@fault("A segment of another user in the spool", rows="54", spool=True, needs=["mount"], silent=True)
def foreign_segment(scene: Scene) -> None:
    """A whole segment with records, that another user owns: it is neither delivered nor deleted."""
    writer = die_with_records(scene)
    for path in segments(scene):
        os.chown(path, 12345, 12345)
    if scene.is_cordwood:
        writer.first = writer.report["number"]  # no longer ours to trust
    kept = segments(scene)
    next_process(scene)
    scene.stop()
    if any(not path.exists() for path in kept):
        scene.outcome.notes.append("deleted another user's segment")
    shutil.rmtree(scene.spool, ignore_errors=True)


@fault("A newer version's segments in the spool", rows="54", spool=True)
def newer_segments(scene: Scene) -> None:
    """A killed process's segments get a version of the future; the next logs 100; then the version is known."""
    die_with_records(scene)
    theirs = segments(scene)
    for path in theirs:
        stamp(path, 2)
    next_process(scene)
    scene.stop()
    if not all(path.exists() for path in theirs) or b"n=0000000 " in scene.file.read_bytes():
        scene.outcome.notes.append("touched a newer version's segments")
    for path in theirs:
        stamp(path, 1)


def stamp(path: Path, version: int) -> None:
    with path.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<I", version))


@fault("The spool is full", rows="39", loses=True)
def spool_full(scene: Scene) -> None:
    """A folder stands in the log file's place while 20,000 records meet a spool of 1 MB; it is removed; 100 more."""
    scene.file.mkdir()
    writer = scene.start(spool={"max_bytes": "1 MB"})
    writer.log(20_000, 60)
    scene.file.rmdir()
    writer.log(100)
