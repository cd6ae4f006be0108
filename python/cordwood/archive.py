"""ARCHIVE: packs closed log files, and deletes those past their term.

In comes a log directory; out go packed or deleted files and an account of them. What is closed, and how old, is said
by `cordwood.retention`; where a spool knows the logs of a folder, what others rotate there is left alone. A log goes
once its packed form was read again, gave back every byte, and is on the disk with its name. Names change under the
live file's lock, which rotation holds too, so that no name is shifted meanwhile; killed at any point, each file is
there once, packed or not. Symbolic links are not followed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cordwood import _native, retention
from cordwood.retention import Found
from cordwood.spool import Format, file_sinks, format_of, spool_folder, spools

ENDINGS: Mapping[str, str] = {"gzip": ".gz", "zstd": ".zst", "parquet": ".parquet"}
PATIENCE = 5.0  # seconds to wait for the delivery loop, which lets the live file's lock go after every batch
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


class _BusyError(OSError):
    """Somebody else works at the file, or moved it: it is left for the next time."""


@dataclass
class Outcome:
    """What was done, or would be done.

    Attributes:
        files: paths below the folder, of the files packed or deleted.
        size: their bytes before.
        freed: bytes that are free now.
        failed: paths with the reason why nothing was done to them.
    """

    files: list[str] = field(default_factory=list)
    size: int = 0
    freed: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def archive(
    folder: str | os.PathLike[str], days: float = 30, compress: str = "gzip", *, dry_run: bool = False
) -> Outcome:
    """Pack the closed files of a log directory that were last written to more than `days` days ago.

    Args:
        folder: the log directory; folders in it count too.
        days: the age.
        compress: `gzip`, `zstd` or `parquet`, which other tools read as a table, and which is the smallest.
        dry_run: only say which.
    """

    def pack(path: Path, file: Found, formats: list[Format]) -> int:
        return 0 if dry_run else file.size - _pack(path, compress, formats)

    return _each(folder, days, pack, wanted=lambda file: not retention.is_packed(file.name))


def restore(path: str | os.PathLike[str]) -> Path:
    """Give back the log that a packed file was made of, beside it; the packed file goes once the log is whole.

    Args:
        path: a file that `archive`, rotation or gzip packed.

    Returns:
        The log's path: the packed one's without its ending.

    Raises:
        OSError: it cannot be read, is damaged, or the log is there already; nothing is changed then.
    """
    packed = Path(path)
    target = packed.with_suffix("")
    if packed.suffix not in ENDINGS.values():
        raise OSError(errno.EINVAL, f"it does not end with {', '.join(ENDINGS.values())}", str(packed))
    seen = packed.lstat()
    temporary = target.with_name(f".{target.name}.restore")
    made = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _NO_LINK, 0o600)
    try:
        _native.unpack(str(packed), str(temporary))
        with contextlib.suppress(PermissionError):
            os.fchown(made, seen.st_uid, seen.st_gid)
            os.fchmod(made, stat.S_IMODE(seen.st_mode))
        os.utime(made, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        os.fsync(made)
        with _locked(packed):
            _still(packed, seen)
            try:
                os.link(temporary, target)  # replaces nothing
            except FileExistsError:
                raise OSError(errno.EEXIST, f"{target.name} is there already; move it away first") from None
            _sync(target.parent)
            packed.unlink()
    finally:
        os.close(made)
        temporary.unlink(missing_ok=True)
    return target


def prune(folder: str | os.PathLike[str], days: float = 60, *, dry_run: bool = False) -> Outcome:
    """Delete the closed files of a log directory, packed or not, last written to more than `days` days ago.

    Args:
        folder: the log directory; folders in it count too.
        days: the age.
        dry_run: only say which.
    """

    def delete(path: Path, file: Found, _: list[Format]) -> int:
        if not dry_run:
            seen = path.lstat()
            with _locked(path):
                _still(path, seen)
                path.unlink()
        return file.size

    return _each(folder, days, delete, wanted=lambda _: True)


def _each(
    folder: str | os.PathLike[str],
    days: float,
    act: Callable[[Path, Found, list[Format]], int],
    wanted: Callable[[Found], bool],
) -> Outcome:
    outcome, root, now, known = Outcome(), Path(folder), time.time(), dict[Path, list[Format]]()
    for place, files in _folders(root):
        for log, form in _logs_of_spool(place):
            known.setdefault(log, []).extend([form] if form else [])
        ours = {log.name: formats for log, formats in known.items() if log.parent == place.resolve()}
        for file in retention.past(filter(wanted, retention.closed(files, ours)), days, now):
            path = place / file.name
            name = str(path.relative_to(root))
            try:
                outcome.freed += act(path, file, ours.get(retention.live_name(file.name) or "", []))
            except OSError as error:
                outcome.failed[name] = error.strerror or str(error)
            else:
                outcome.files.append(name)
                outcome.size += file.size
    return outcome


def _logs_of_spool(place: Path) -> Iterator[tuple[Path, Format | None]]:
    """The files that are written from the spool of a folder, as far as it has one, and how their lines are written."""
    for spool in spools(spool_folder(place)):
        for spec in file_sinks(spool).values():
            yield Path(str(spec.get("path"))), format_of(spec)


def _folders(root: Path) -> Iterator[tuple[Path, list[Found]]]:
    """Each folder with the regular files in it; the spool and other hidden folders are left out."""
    for place, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found = []
        for name in names:
            with contextlib.suppress(OSError):  # gone since
                seen = (Path(place) / name).lstat()
                if stat.S_ISREG(seen.st_mode):
                    found.append(Found(name, seen.st_mtime, seen.st_size))
        yield Path(place), found


def _pack(path: Path, compress: str, formats: list[Format]) -> int:
    """Put the packed form in a file's place; its size."""
    ending = ENDINGS[compress]
    source = os.open(path, os.O_RDONLY | _NO_LINK)
    try:
        if not _try_lock(source):
            raise _BusyError(None, "another process packs it")
        seen = os.fstat(source)
        live = retention.live_name(path.name) or path.name
        # The name, and the locks on both files, are those of the core's own compressor.
        temporary = path.with_name(f"{live}.{seen.st_ino:x}{ending}.tmp")
        temporary.unlink(missing_ok=True)  # left by a crash: whoever makes one holds the source's lock, as we do
        try:
            made = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
            try:
                _try_lock(made)
                _native.pack(str(path), str(temporary), compress, formats)  # which reads it again
                return _place(path, temporary, path.with_name(path.name + ending), seen, made)
            finally:
                os.close(made)
        finally:
            temporary.unlink(missing_ok=True)
    finally:
        os.close(source)


def _place(path: Path, temporary: Path, target: Path, seen: os.stat_result, made: int) -> int:
    """Put the packed form on the disk, then its name, and only then let the log go; its size."""
    with contextlib.suppress(PermissionError):  # another's file: the packed one is ours
        os.fchown(made, seen.st_uid, seen.st_gid)
        os.fchmod(made, stat.S_IMODE(seen.st_mode))
    os.utime(made, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # its age goes on
    os.fsync(made)
    with _locked(path):
        _still(path, seen)
        os.link(temporary, target)  # replaces nothing
        _sync(target.parent)
        path.unlink()
    return os.fstat(made).st_size


def _sync(folder: Path) -> None:
    """Force a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of the live file that a closed file comes from, if there is one."""
    live = path.parent / (retention.live_name(path.name) or "")
    deadline = time.monotonic() + PATIENCE
    while live.is_file():
        descriptor = os.open(live, os.O_RDONLY | _NO_LINK)
        try:
            # Else: taken, or rotated while we waited.
            if _try_lock(descriptor) and live.is_file() and os.path.samestat(os.fstat(descriptor), live.lstat()):
                yield
                return
        finally:
            os.close(descriptor)
        if time.monotonic() > deadline:
            raise _BusyError(None, f"{live.name} is locked by another process")
        time.sleep(0.001)
    yield  # nobody writes there


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still(path: Path, seen: os.stat_result) -> None:
    now = path.lstat()
    if not os.path.samestat(now, seen) or (now.st_size, now.st_mtime_ns) != (seen.st_size, seen.st_mtime_ns):
        raise _BusyError(None, "it was moved or written to meanwhile")
