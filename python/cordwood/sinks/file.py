"""Writes lines to a file that rotates by size, by time, or both.

On a crash: every record is there once, after the next process on the folder, or `cordwood recover`, has run.
When it cannot be written (disk full, folder gone): records wait in the spool, and it is tried again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Literal

from cordwood.plain import Frozen

MEGABYTE = 1024 * 1024


def absolute(path: str) -> str:
    """A log file's path as a spool knows it."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


class FileSink(Frozen):
    """One log file and its backups.

    Args:
        path: the file; made absolute, symbolic links in its folders resolved.
        format: a formatter's spec.
        max_bytes: rotate before the file grows past this; 0 never.
        backup_count: closed files to keep; 0: never rotate (named by number), or keep all (named by date).
        when: rotate by time too: `midnight`, `hour`, `day`, `minute`, or every so many seconds; None never.
        naming: closed files are `app.log.1`, `app.log.2`, … (`number`) or carry the date (`date`).
        compress: closed files are left alone (None), or packed with `gzip` or `zstd`.
        mode: permission bits of files made anew.
        group: numeric group of files made anew; None leaves it to the system.
        sync: when bytes are forced to the disk: at an `interval`, at once for ERROR and up (`level`), or `always`.
        also_in: files of the same configuration that get this one's records too, each with the least level of those:
            whoever reads all of them counts a record once.
    """

    path: str
    format: Mapping[str, object]
    max_bytes: int = 10 * MEGABYTE
    backup_count: int = 5
    when: str | int | None = None
    naming: Literal["number", "date"] = "number"
    compress: Literal["gzip", "zstd"] | None = None
    mode: int = 0o600
    group: int | None = None
    sync: Literal["interval", "level", "always"] = "interval"
    also_in: tuple[tuple[str, int], ...] = ()

    local = False

    def __post_init__(self) -> None:
        # The file itself may not be a link (the core refuses it); its folders may.
        vars(self)["path"] = absolute(self.path)

    @property
    def identity(self) -> str:
        """The path."""
        return self.path

    def spec(self) -> str:
        """All options, the path absolute."""
        return json.dumps({"kind": "file", **vars(self)})
