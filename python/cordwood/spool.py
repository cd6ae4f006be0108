"""SPOOL: records wait in mapped files until they are delivered.

The spool itself is native. What stands here is where it is opened: in the log directory, else in the platform's state
directory, else in memory, which is said once. Opening never fails; an application must log even so.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping

from cordwood import _native
from cordwood.errors import report
from cordwood.plain import Frozen

Format = tuple[str, str | None]
"""A format string and its date format."""

FOLDER = ".cordwood"
LEAST_ROOM = 1024 * 1024  # bytes free on the disk
_MOST_TEXT = 1024 * 1024  # characters of a sink's options
_TAKE_OVER = 1.0  # seconds that opening waits for what stands in another place to be delivered


class SpoolOptions(Frozen):
    """What makes two openings the same spool.

    Args:
        folder: an absolute path; None keeps records in memory alone.
        max_bytes: room for all processes together.
        max_message_bytes: longer messages are cut.
        sync: `interval`, `level` or `always`.
        log_dir: an absolute path; files below it may be written, wherever the spool is.
    """

    folder: str | None
    max_bytes: int
    max_message_bytes: int
    sync: str
    log_dir: str | None = None


def spool_folder(log_dir: str | os.PathLike[str]) -> str:
    """The spool of a log directory."""
    return os.path.join(os.path.realpath(log_dir), FOLDER)


def state_folder(name: str) -> str:
    """The spool, in the platform's state directory, of something that has no log directory."""
    import hashlib

    import platformdirs

    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return os.path.join(platformdirs.user_state_dir("cordwood", appauthor=False), "spool", digest)


def open_spool(options: SpoolOptions) -> _native.Spool:
    """Open the spool, or the next best; what is wrong is said on stderr once."""
    for folder in places(options.folder):
        try:
            spool = _open(folder, options)
        except OSError as error:  # noqa: PERF203 few places
            report(f"the spool folder {folder} cannot be used: {error}", key=f"spool {folder}")
        else:
            if folder == options.folder:
                _take_over(folder)
            return spool
    if options.folder is not None:
        report(
            "records wait in memory and do not survive a crash of this process: no spool folder can be used",
            key=f"spool memory {options.folder}",
        )
    return _open(None, options)


def _open(folder: str | None, options: SpoolOptions) -> _native.Spool:
    if folder is not None:
        _check_room(folder)
    return _native.Spool(
        folder,
        max_bytes=options.max_bytes,
        max_message_bytes=options.max_message_bytes,
        sync=options.sync,
        log_dir=options.log_dir,
    )


def _take_over(folder: str) -> None:
    """Deliver what waits in the next best places since the time when `folder` could not be used.

    It is older than all that comes now, so it gets a moment to go first; what takes longer goes on meanwhile.
    """
    waiting = [place for place in spools(folder) if place != folder]
    if waiting:
        deliver = threading.Thread(target=_deliver, args=(waiting,), name="cordwood recover", daemon=True)
        deliver.start()
        deliver.join(_TAKE_OVER)


def _deliver(waiting: Iterable[str]) -> None:
    for place in waiting:
        try:
            found = _native.recover(place)
        except OSError as error:
            report(f"records wait in {place}, which cannot be read: {error}")
            continue
        if found["delivered"]:
            report(f"{found['delivered']} records that waited in {place} are delivered")


def _check_room(folder: str) -> None:
    """Refuse a full disk while another place can be chosen.

    Raises:
        OSError: there is no room for a process's first segments.
    """
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < LEAST_ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def spools(folder: str) -> list[str]:
    """Those places where there is a spool; this user's own first, for another user's log directory may have both."""
    found = [place for place in _candidates(folder) if os.path.isdir(place)]  # Path's may raise
    return sorted(found, key=lambda place: os.stat(place).st_uid != os.geteuid())


def _candidates(folder: str) -> Iterable[str]:
    """As `places`, without a state directory that is not there: to say where takes an eighth of a search's start."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    if sys.platform == "linux" and os.path.isabs(state) and not os.path.isdir(f"{state}/cordwood"):
        return (folder,)
    return places(folder)


def file_sinks(folder: str) -> dict[str, dict[str, object]]:
    """The files that a spool delivers to: the hash by which the core names them → options, `path` among them."""
    return {name: spec for name, spec in _specs(folder) if spec.get("kind") == "file"}


def format_of(spec: Mapping[str, object]) -> Format | None:
    """The format and date format of a file sink, where a scan can tell its records apart by it."""
    form = spec.get("format")
    if not isinstance(form, dict) or form.get("kind") != "text" or not isinstance(form.get("format"), str):
        return None
    date_format = form.get("date_format")
    try:
        _native.check_format(form["format"], date_format)
    except ValueError:  # "%(message)s" alone
        return None
    return form["format"], date_format


def read_small(path: str | os.PathLike[str]) -> str:
    """The text of a small file in a spool, where somebody may have put a link, a pipe or a device in its place.

    Raises:
        OSError: it cannot be read, or is no such file.
    """
    with open(path, encoding="utf-8", opener=_unfollowed) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file", os.fspath(path))
        return file.read(_MOST_TEXT)


def _unfollowed(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)


def _specs(folder: str) -> Iterator[tuple[str, dict[str, object]]]:
    from pathlib import Path

    for path in sorted(Path(folder, "sinks").glob("*.json")):
        try:
            spec = json.loads(read_small(path))
        except (OSError, ValueError):
            continue
        if isinstance(spec, dict):
            yield path.stem, spec


def shared_sinks(folder: str) -> dict[str, dict[str, object]]:
    """As `file_sinks`, the databases: `identity` and the options among them, no password."""
    return {name: spec for name, spec in _specs(folder) if spec.get("kind") == "python" and "identity" in spec}


def places(folder: str | None) -> Iterator[str]:
    """The folders a spool may be in, best first."""
    if folder is None:
        return
    yield folder
    # One folder for each log directory, the same in every process that has it.
    elsewhere = state_folder(folder)
    if os.path.isabs(elsewhere):  # else: nobody knows this user's home
        yield elsewhere
