"""Celery: task id and name in every record a task logs, the publisher's request id too.

    cordwood.configure()
    take_over()                       # in the module of the Celery application

Celery then configures no logging of its own, and does not lead stdout to its log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cordwood.capture.context import context, current
from cordwood.errors import MissingExtraError

try:
    from celery import signals
except ImportError:
    raise MissingExtraError("cordwood.integrations.celery", "pip install celery") from None

Undo = Callable[[], None]

_HEADER = "cordwood_request_id"
_running: dict[str, context] = {}


def take_over() -> Undo:
    """Join Celery's signals; the result leaves them."""
    joined = (
        (signals.setup_logging, _no_setup),
        (signals.before_task_publish, _publish),
        (signals.task_prerun, _begin),
        (signals.task_postrun, _end),
    )
    for signal, receiver in joined:
        signal.connect(receiver, weak=False)

    def undo() -> None:
        for signal, receiver in joined:
            signal.disconnect(receiver)

    return undo


def _no_setup(**_: Any) -> None:
    """Where this signal has a receiver, Celery leaves logging alone."""


def _publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    fields = current()
    if headers is not None and fields is not None and "request_id" in fields:
        headers[_HEADER] = str(fields["request_id"])


def _begin(task_id: str, task: Any, **_: Any) -> None:
    fields = {"task_id": task_id, "celery_task": task.name}
    request_id = getattr(task.request, _HEADER, None)
    if request_id is not None:
        fields["request_id"] = request_id
    entered = _running[task_id] = context(**fields)
    entered.__enter__()


def _end(task_id: str, **_: Any) -> None:
    entered = _running.pop(task_id, None)
    if entered is not None:
        entered.__exit__(None, None, None)
