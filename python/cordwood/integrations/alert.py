"""Alerts on the rate of errors: to a function or a web address, seldom, from a thread of its own.

    logging.getLogger().addHandler(cordwood.Handler(sink=AlertSink("https://hooks.example.com/x"), level="ERROR"))

On a crash: alerts that were due go with the process; the records are in the files as ever. While the target is down the
alert is tried again with growing pauses, and records wait in memory; the application never waits for either.
"""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cordwood.errors import ConfigError
from cordwood.record import Record

TIMEOUT = 3.0  # seconds for one step of a web request
MOST = 10_000  # records in a window that are counted, where the threshold is lower

_number = itertools.count(1)


@dataclass(frozen=True)
class Alert:
    """What is told.

    Args:
        count: records within the window.
        window: its length in seconds.
        last: the newest of them, already redacted.
    """

    count: int
    window: float
    last: Record

    @property
    def text(self) -> str:
        """One line for people."""
        return (
            f"{self.count} errors in {self.window:g} s on {self.last.hostname}, "
            f"the last from {self.last.logger}: {self.last.message}"
        )


@dataclass
class _State:
    times: deque[float]  # of the records in the window, as far as they matter
    quiet_until: float = 0.0
    due: Alert | None = None
    counted: set[tuple[int, int]] = field(default_factory=set)  # the identities of the last batch


@dataclass(frozen=True, slots=True, eq=False)
class AlertSink:
    """Tells of errors when there are many.

    Args:
        target: a function of an `Alert`, or an http(s) address that gets JSON: `text`, `count`, `window`, `logger`,
            `level`, `message`, `host`, `time`.
        threshold: how many records within the window are an alert; 1 tells of each first one.
        window: seconds.
        pause: seconds after an alert in which there is no other.

    Raises:
        ConfigError: the target is neither, or a number is not above zero.
    """

    target: Callable[[Alert], object] | str
    threshold: int = 1
    window: float = 60.0
    pause: float = 300.0
    identity: str = field(init=False)
    _state: _State = field(init=False, repr=False)

    local = True

    def __post_init__(self) -> None:
        if isinstance(self.target, str) and not self.target.startswith(("http://", "https://")):
            raise ConfigError("target", f"{self.target!r} is no web address", "http://…, https://… or a function")
        for name in ("threshold", "window", "pause"):
            if not getattr(self, name) > 0:
                raise ConfigError(name, f"{getattr(self, name)!r} is too small", "a number above 0")
        object.__setattr__(self, "identity", f"alert:{next(_number)}")
        object.__setattr__(self, "_state", _State(deque(maxlen=max(self.threshold, MOST))))

    def spec(self) -> str:
        """That Python delivers."""
        return '{"kind": "python"}'

    def write(self, batch: Sequence[Record]) -> None:
        """Count the batch, by the records' own times; tell where they are too many. Raises what the target raises."""
        state = self._state
        already, state.counted = state.counted, {(record.segment, record.sequence) for record in batch}
        for record in batch:
            if (record.segment, record.sequence) not in already:  # after a failure the same batch comes again
                self._count(record)
        if state.due is not None:
            self._tell(state.due)
            state.due = None

    def _count(self, record: Record) -> None:
        state = self._state
        now = record.time / 1e9
        state.times.append(now)
        while state.times[0] <= now - self.window:
            state.times.popleft()
        if len(state.times) >= self.threshold and now >= state.quiet_until:
            state.quiet_until = now + self.pause
            state.due = Alert(len(state.times), self.window, record)

    def _tell(self, alert: Alert) -> None:
        if callable(self.target):
            self.target(alert)
        else:
            _post(self.target, alert)


def _post(url: str, alert: Alert) -> None:
    last = alert.last
    told: dict[str, Any] = {
        "text": alert.text,
        "count": alert.count,
        "window": alert.window,
        "logger": last.logger,
        "level": last.level_name,
        "message": last.message,
        "host": last.hostname,
        "time": last.timestamp.isoformat(),
    }
    body = json.dumps(told).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 checked
    with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
        pass
