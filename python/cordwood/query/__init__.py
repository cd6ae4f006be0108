"""READ BACK: what was logged is found again, wherever it is.

In comes a `Query`, from text or made by hand, and a source: files and spools, answered by the core's scan, or a
database, answered in SQL. Out go entries and counts, the same from each. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cordwood.query.entries import Entry
from cordwood.query.grammar import parse
from cordwood.query.model import Query
from cordwood.query.source import Group, Source, facets, field_names, histogram

__all__ = ["Entry", "Group", "Query", "Source", "facets", "field_names", "histogram", "open_source", "parse"]


def open_source(paths: Iterable[str], formats: Sequence[tuple[str, str | None]] = ()) -> Source:
    """The source that a user names on the command line.

    Args:
        paths: files, folders, spools and `-` (standard input), or one database's URL.
        formats: see `cordwood.query.files.Files`.

    Raises:
        NoLogsError: there is nothing to read at the paths.
        ConfigError: a format or a URL cannot be used.
        MissingExtraError: the database's driver is not installed.
    """
    paths = list(paths)
    urls = [path for path in paths if "://" in path]
    if urls:
        from cordwood.query.sql import Database

        return Database.of_urls(urls, paths)
    from cordwood.query.files import Files

    return Files(paths, formats)
