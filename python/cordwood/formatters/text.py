"""Writes one line in `%`-style, as `logging.Formatter` does, traceback and stack after it.

Text cannot be forged: newlines in values become a newline and two spaces, control characters are escaped.
"""

from __future__ import annotations

from cordwood.plain import Frozen

DEFAULT_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


class TextFormatter(Frozen):
    """`logging.Formatter` without its code.

    Args:
        format: a `%`-style format with the documented LogRecord attributes and any extra field's name.
        date_format: `strftime` directives for `%(asctime)s`; None is stdlib's own, with milliseconds.
    """

    format: str = DEFAULT_FORMAT
    date_format: str | None = None

    def spec(self) -> dict[str, object]:
        """What the core needs to compile it."""
        return {"kind": "text", "format": self.format, "date_format": self.date_format}
