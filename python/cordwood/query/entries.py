"""One record as it was read back, whatever it was read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cordwood.level import LEVELS
from cordwood.plain import Plain
from cordwood.query.times import SECOND

if TYPE_CHECKING:
    from cordwood._native import _Found

# `logging`'s, and those that other packages have between them.
_LEVEL_WORDS = {5: "TRACE", 25: "SUCCESS", **{number: name for name, number in LEVELS.items()}}


class Entry(Plain):
    """One record of a log.

    Args:
        time: nanoseconds since the epoch; that of the entry before where the text has none, None if there was none.
        text: its lines as they stand in the source, the last without a newline.
        source: the file, spool or database it was read from.
        level: as `logging` numbers levels; 0 where none is known.
        logger: its name, or an empty text.
        message: without the traceback.
        exception: the traceback, or an empty text.
        fields: what else it says, by name.
        place: where it stands in its source: the byte it begins at, or the row's id.
        answers: False for what is shown only as context of an answer.
    """

    time: int | None
    text: str
    source: str
    level: int
    logger: str
    message: str
    exception: str
    fields: Mapping[str, str]
    place: int
    answers: bool

    def __init__(
        self,
        time: int | None,
        text: str,
        source: str,
        level: int = 0,
        logger: str = "",
        message: str = "",
        exception: str = "",
        fields: Mapping[str, str] | None = None,
        place: int = 0,
        answers: bool = True,
    ) -> None:
        self.time, self.text, self.source, self.level = time, text, source, level
        self.logger, self.message, self.exception = logger, message, exception
        self.fields = {} if fields is None else fields
        self.place, self.answers = place, answers

    def as_json(self) -> dict[str, object]:
        """As the command line and the web page give it out."""
        found: dict[str, object] = {
            "time": None if self.time is None else self.time / SECOND,
            "level": level_word(self.level) or None,
            "logger": self.logger or None,
            "message": self.message,
            "exception": self.exception or None,
            "fields": dict(self.fields),
            "file": self.source,
            "text": self.text,
        }
        return found if self.answers else {**found, "context": True}


def level_word(level: int) -> str:
    """What a level is called, `Level 15` where it has no name; an empty text for 0."""
    return _LEVEL_WORDS.get(level) or (f"Level {level}" if level else "")


def by_time(entry: Entry) -> int:
    """The key by which entries are merged: those without a time come first."""
    return -1 if entry.time is None else entry.time


def entries(found: Iterable[_Found]) -> list[Entry]:
    """What the core found."""
    return [
        Entry(time, text, source, level, logger, message, exception, fields, place, answers)
        for time, level, logger, message, exception, text, source, place, answers, fields in found
    ]
