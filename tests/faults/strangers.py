"""Somebody else moves, deletes, truncates or puts something in the way of the log's files."""

from __future__ import annotations

import os
import shutil

from tests.faults.harness import Scene, fault, wait_until


@fault("The log directory is deleted", rows="5", silent=True)
def folder_deleted(scene: Scene) -> None:
    """`rm -r` of the directory (what stands in it goes with it), then 2,000 records; a flush; 500 more."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    while scene.logs.exists():  # a process may make a file where one has just been deleted
        shutil.rmtree(scene.logs, ignore_errors=True)
    writer.first = writer.report["number"]  # deleted by hand: not lost by the logger
    writer.log(2000)
    if scene.is_cordwood:
        writer.flush()
    writer.log(500)


@fault("The log file is deleted", rows="5", silent=True)
def file_deleted(scene: Scene) -> None:
    """`rm` of the log file, then 2,000 records."""
    writer = scene.start()
    writer.log(100)
    writer.flush()
    scene.file.unlink()
    writer.first = writer.report["number"]
    writer.log(2000)


@fault("The log file is moved away", rows="6", silent=True)
def moved_away(scene: Scene) -> None:
    """`mv` of the log file to another folder after 1,000 records; 2,000 more, which are looked for in both."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    away = scene.folder / "away"
    away.mkdir()
    scene.file.rename(away / "app.log")
    scene.places.append(away)
    writer.log(2000)
    scene.stop()
    if not scene.file.exists():
        scene.outcome.notes.append("went on in the file that was moved")


@fault("The spool is deleted", rows="5", spool=True, silent=True)
def spool_deleted(scene: Scene) -> None:
    """`rm -r` of the spool's folder (the others have none) while 3,000 records are logged."""
    writer = scene.start()
    writer.log(1000)
    shutil.rmtree(scene.spool, ignore_errors=True)
    writer.log(1000)
    writer.flush()
    writer.log(1000)


@fault("The log file is renamed to our backup's name", rows="6", silent=True)
def renamed_to_backup(scene: Scene) -> None:
    """`mv app.log app.log.1` after 1,000 records; 4,000 more, rotating at 200,000 bytes."""
    writer = scene.start(max_bytes=200_000)
    writer.log(1000)
    writer.flush()
    scene.file.rename(scene.logs / "app.log.1")
    writer.log(4000)


@fault("A stranger's file has our backup's name", rows="6", silent=True)
def backup_name_taken(scene: Scene) -> None:
    """app.log.1 of somebody else, of 3 lines, before 3,000 records, rotating; it must survive."""
    stranger = "# a stranger's\n" * 3
    (scene.logs / "app.log.1").write_text(stranger)
    writer = scene.start(max_bytes=100_000)
    writer.log(3000)
    scene.stop()
    left = sum(path.read_text().count("# a stranger's") for path in scene.logs.glob("app*") if path.is_file())
    if left != 3:
        scene.outcome.notes.append("the stranger's file was destroyed")


@fault("A folder has our backup's name", rows="6", silent=True)
def backup_name_is_folder(scene: Scene) -> None:
    """A folder app.log.1 with a file in it before 3,000 records, rotating."""
    (scene.logs / "app.log.1").mkdir()
    (scene.logs / "app.log.1" / "kept").touch()
    writer = scene.start(max_bytes=100_000)
    writer.log(3000)
    scene.stop()
    if not (scene.logs / "app.log.1" / "kept").exists():
        scene.outcome.notes.append("the folder was destroyed")


@fault("copytruncate", rows="7", silent=True)
def copytruncate(scene: Scene) -> None:
    """`cp app.log app-copy.log` and truncation to 0, when all is written, three times in 4,000 records."""
    writer = scene.start()
    for number in range(3):
        writer.log(1000)
        writer.flush()
        shutil.copy(scene.file, scene.logs / f"app-copy{number}.log")
        os.truncate(scene.file, 0)
    writer.log(1000)


@fault("The log file is truncated in its middle", rows="7", silent=True, torn=True)
def truncated_in_line(scene: Scene) -> None:
    """Truncation to half its length, within a line, after 1,000 records (what was cut is gone); 1,000 more."""
    writer = scene.start()
    writer.log(1000)
    writer.flush()
    os.truncate(scene.file, scene.file.stat().st_size // 2 + 7)
    writer.first = writer.report["number"]
    writer.log(1000)


@fault("A symbolic link at the log file's path", rows="49")
def symlink_at_path(scene: Scene) -> None:
    """app.log is a link to another file of the user; 500 records; the link is removed; 100 more."""
    target = scene.folder / "important"
    target.write_text("# the user's own\n")
    scene.file.symlink_to(target)
    writer = scene.start()
    writer.log(500)
    if scene.is_cordwood:
        wait_until(lambda: b"symbolic link" in writer.errors.read_bytes(), "a word about the link")
    scene.file.unlink()
    writer.log(100)
    scene.stop()
    if target.read_text() != "# the user's own\n":
        scene.outcome.notes.append("wrote through the link into another file")
        scene.places.append(scene.folder)


@fault("A folder at the log file's path", rows="6")
def folder_at_path(scene: Scene) -> None:
    """app.log is a folder for 1,000 records; it is removed; 100 more."""
    scene.file.mkdir()
    writer = scene.start()
    writer.log(1000)
    if scene.is_cordwood:
        wait_until(writer.errors.read_bytes, "a word about the folder")
    scene.file.rmdir()
    writer.log(100)


@fault("A pipe without a reader at the log file's path", rows="49")
def fifo_at_path(scene: Scene) -> None:
    """app.log is a named pipe that nobody reads for 500 records; it is removed; 100 more."""
    os.mkfifo(scene.file)
    writer = scene.start()
    writer.log(500)
    if scene.is_cordwood:
        wait_until(writer.errors.read_bytes, "a word about the pipe")
    scene.file.unlink()
    writer.log(100)


@fault("Another process holds the log file's lock", rows="12")
def foreign_lock(scene: Scene) -> None:
    """`flock` of the log file by a stranger during 2,000 records; 100 more."""
    import fcntl

    writer = scene.start()
    writer.log(100)
    writer.flush()
    with scene.file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer.log(2000)
        if scene.is_cordwood:
            wait_until(writer.errors.read_bytes, "a word about the lock")
    writer.log(100)
