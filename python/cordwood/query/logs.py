"""Which files are the logs of a folder, and which rotated siblings belong to a log."""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path

from cordwood.errors import NoLogsError

ENDINGS = (".log", ".jsonl")
COMPRESSED = (".gz", ".zst", ".parquet")
# `.1`, `.2026-11-20`, `.2026-11-20.2` (ours), `-20261120` (logrotate's), each perhaps compressed.
_END = re.compile(r"\.(?P<number>\d{1,5})|[.-](?P<date>\d{4}-?\d\d-?\d\d[\d_-]*)(?:\.(?P<nth>\d+))?")
_ROTATED = re.compile(rf"(?P<base>.+?(?:\.log|\.jsonl))(?:{_END.pattern})?(?P<packed>\.gz|\.zst|\.parquet)?")


def siblings(path: str, *, packed: bool = True) -> list[str]:
    """The backups of a log file, oldest first; of one that stands there both packed and plain, the plain one.

    Args:
        path: the live file; it need not exist.
        packed: those that are compressed too.
    """
    folder, name = Path(path).parent, Path(path).name
    found: dict[tuple[int, str, int], str] = {}
    try:
        names = sorted(other.name for other in folder.glob(f"{escape(name)}[.-]*"))
    except OSError:
        return []
    for other in names:
        end = other[len(name) :]
        plain = end.removesuffix(".gz").removesuffix(".zst").removesuffix(".parquet")
        if plain != end and not packed:
            continue
        if not plain:  # app.log.gz, packed by hand
            found[2, "", 0] = f"{path}{end}"
        match = _END.fullmatch(plain)
        if match is None:
            continue
        if match["number"]:
            found.setdefault((1, "", -int(match["number"])), f"{path}{end}")
        else:
            found.setdefault((0, match["date"].replace("-", ""), int(match["nth"] or 0)), f"{path}{end}")
    return [found[key] for key in sorted(found)]


def chain(path: str) -> list[str]:
    """A log file and its backups, oldest first; a backup given by its own name stands alone."""
    return [*siblings(path), *([path] if Path(path).exists() else [])]


def logs_in(folder: str) -> list[str]:
    """The logs of a folder (`*.log`, `*.jsonl`), also those of which only rotated files are left.

    Raises:
        NoLogsError: the folder cannot be read.
    """
    try:
        names = sorted(path.name for path in Path(folder).iterdir() if path.is_file())
    except OSError as error:
        raise NoLogsError(f"{folder}: {error.strerror}") from None
    bases = dict.fromkeys(match["base"] for name in names if (match := _ROTATED.fullmatch(name)))
    return [str(Path(folder, base)) for base in sorted(bases)]
