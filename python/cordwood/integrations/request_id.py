"""The id that all records of one request share: taken from its header, or made."""

from __future__ import annotations

import re
import uuid

HEADER = "x-request-id"
_GOOD = re.compile(r"[\w.:+/=@-]{1,128}", re.ASCII)


def accept(given: str | None) -> str:
    """The id a request brought, where it is one that can stand in a log and a header; else a new one."""
    return given if given is not None and _GOOD.fullmatch(given) else uuid.uuid4().hex
