"""ExceptionLogger: the exception, its traceback, and what was being done."""

from __future__ import annotations

from cordwood import ExceptionLogger

from tests.logged import Logged


def test_L5_an_exception_is_logged_with_its_context_and_traceback(logged: Logged) -> None:
    try:
        raise ValueError("card expired")  # noqa: TRY301 as an application does
    except ValueError as error:
        caught = error
    ExceptionLogger().log_exception(caught, context="Processing payment", order_id=7)
    record = logged.one()
    assert (record.message, record.level_name) == ("Processing payment: ValueError: card expired", "ERROR")
    assert record.fields == {"context": "Processing payment", "order_id": 7}
    assert record.exception is not None
    assert record.exception["type"].endswith("ValueError")
    assert 'raise ValueError("card expired")' in record.exception["text"]
    assert record.function == "test_L5_an_exception_is_logged_with_its_context_and_traceback"


def test_without_a_context_the_exception_names_itself(logged: Logged) -> None:
    ExceptionLogger("worker").log_exception(KeyError("k"))
    assert (logged.one().message, logged.one().logger) == ("KeyError: 'k'", "worker")


def test_an_exception_whose_text_fails_is_logged_all_the_same(logged: Logged) -> None:
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    logged.alone()
    ExceptionLogger().log_exception(BadError(), context="x")
    assert "BadError" in logged.one().message
