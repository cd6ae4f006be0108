"""WRITE: where records go.

A sink is a frozen dataclass of options whose `identity` is its target, never its options. Files and consoles are
written by the core (`spec()` is all it needs); a sink with a `write` method, or a database with a `store`, is run by
`cordwood.delivery`. No thread, retry or formatting inside: delivery and formatters own those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

from cordwood.lazy import Lazy

if TYPE_CHECKING:
    from cordwood.record import Record
    from cordwood.sinks.database.store import Store


class Sink(Protocol):
    """What the spool needs to know of a target."""

    @property
    def identity(self) -> str:
        """The target itself (a real path, a stream, a URL and table): two sinks with one identity are one."""
        ...

    @property
    def local(self) -> bool:
        """Whether only this process's records go there, delivered by this process alone."""
        ...

    def spec(self) -> str:
        """The options as JSON text, for whichever process delivers."""
        ...


@runtime_checkable
class PythonSink(Sink, Protocol):
    """A sink whose writing is Python."""

    def write(self, batch: Sequence[Record]) -> None:
        """Take a whole batch or raise: after an error the same records come again, after a pause."""
        ...


@runtime_checkable
class DatabaseSink(Sink, Protocol):
    """A sink that all processes of a folder share, and one of them delivers to: a database."""

    @property
    def batch_size(self) -> int:
        """Rows that are written at once without waiting for more."""
        ...

    @property
    def flush_interval(self) -> float:
        """Seconds that fewer rows wait."""
        ...

    def store(self) -> Store:
        """The database, not yet connected."""
        ...


# By one attribute: the first `isinstance` with a protocol loads `inspect`.


def is_database(sink: Sink | None) -> TypeGuard[DatabaseSink]:
    """Whether a sink is a database."""
    return hasattr(sink, "store")


def is_python(sink: Sink) -> TypeGuard[PythonSink]:
    """Whether a sink's writing is Python."""
    return hasattr(sink, "write")


SINKS: Mapping[str, type[Sink]] = Lazy(
    {
        "console": "cordwood.sinks.console:ConsoleSink",
        "file": "cordwood.sinks.file:FileSink",
        "journald": "cordwood.sinks.journald:JournaldSink",
        "memory": "cordwood.sinks.memory:MemorySink",
        "postgres": "cordwood.sinks.postgres:PostgresSink",
        "sqlite": "cordwood.sinks.sqlite:SqliteSink",
        "syslog": "cordwood.sinks.syslog:SyslogSink",
    }
)
