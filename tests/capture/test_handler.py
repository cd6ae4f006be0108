"""cordwood.Handler as a `logging.Handler`: filters, levels, formatters, life and death."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cordwood.errors import ConfigError
from cordwood.pipeline import Handler
from cordwood.sinks.memory import MemorySink

from tests.fake_native import Spool

Spools = list[Spool]


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.Logger("app")  # noqa: LOG001 of no hierarchy
    yield logger
    for handler in logger.handlers:
        handler.close()


def messages(spools: Spools, kind: str = "file") -> list[str]:
    """What was delivered to the first sink of a kind; the text that Python rendered where there is one."""
    for spool in spools:
        for bit, spec in spool.specs.items():
            if spec["kind"] == kind:
                return [text or record.message for record, text in spool.delivered[bit]]
    raise AssertionError(f"no sink {kind}")


def test_a_file_name_is_all_it_takes(spools: Spools, log: logging.Logger, tmp_path: Path) -> None:
    log.addHandler(Handler("logs/app.log"))
    log.info("paid %d", 7)
    assert messages(spools) == ["paid 7"]
    assert spools[0].folder == str(tmp_path.resolve() / "logs" / ".cordwood")
    assert spools[0].sinks == {str(tmp_path.resolve() / "logs" / "app.log"): 0}


def test_settings_reach_the_sink(spools: Spools) -> None:
    handler = Handler("a.log", "INFO", format="ecs", max_bytes="5 MB", backup_count=2, compress="zstd", file_mode=0o640)
    assert handler.level == logging.INFO
    expected = {
        "format": {"kind": "json", "names": "ecs"},
        "max_bytes": 5 << 20,
        "backup_count": 2,
        "compress": "zstd",
        "mode": 0o640,
    }
    assert expected.items() <= spools[0].specs[0].items()
    handler.close()


@pytest.mark.parametrize("stream", ["stdout", sys.stdout, sys.__stdout__])
def test_a_stream_is_named_or_given(spools: Spools, stream: object) -> None:
    handler = Handler(stream=stream, colour="never")  # type: ignore[arg-type]
    assert spools[0].folder is None
    assert spools[0].sinks == {"console:stdout": 0}
    handler.close()


def test_the_words_stderr_and_stdout_are_streams(spools: Spools) -> None:
    handler = Handler("stderr")
    assert spools[0].sinks == {"console:stderr": 0}
    handler.close()


@pytest.mark.usefixtures("spools")
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "exactly one target"),
        ({"filename": "a.log", "stream": "stderr"}, "exactly one target"),
        ({"filename": "a.log", "max_byts": 1}, r"max_byts: there is no such setting \(did you mean 'max_bytes'"),
        ({"filename": "a.log", "max_bytes": "x"}, "max_bytes: 'x' is not a size"),
        ({"stream": "nowhere"}, "console.stream: 'nowhere' is not known"),
        ({"filename": "a.log", "level": "LOUD"}, "LOUD"),
    ],
)
def test_a_wrong_argument_raises(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Handler(**settings)  # type: ignore[arg-type]


def test_filters_drop_records_and_put_others_in_their_place(spools: Spools, log: logging.Logger) -> None:
    handler = Handler("app.log")
    log.addHandler(handler)
    handler.addFilter(lambda record: record.msg != "dropped")
    log.info("dropped")
    log.info("kept")
    assert messages(spools) == ["kept"]
    if sys.version_info >= (3, 12):
        handler.addFilter(lambda record: logging.makeLogRecord({**vars(record), "msg": "replaced"}))
        log.info("original")
        assert messages(spools) == ["kept", "replaced"]


def test_levels_are_those_of_logging(spools: Spools, log: logging.Logger) -> None:
    handler = Handler("app.log", level="ERROR")
    log.addHandler(handler)
    log.warning("no")
    log.error("yes")
    handler.setLevel(logging.DEBUG)
    log.debug("yes, too")
    assert messages(spools) == ["yes", "yes, too"]


def test_a_plain_formatter_runs_natively(spools: Spools, log: logging.Logger) -> None:
    handler = Handler("app.log", format="json")
    log.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(message)s!", "%H:%M"))
    assert not handler.needs_record
    assert spools[0].specs[0]["format"] == {"kind": "text", "format": "%(message)s!", "date_format": "%H:%M"}


class Shouting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).upper()


def gmt() -> logging.Formatter:
    formatter = logging.Formatter("%(message)s")
    formatter.converter = time.gmtime
    return formatter


@pytest.mark.parametrize(
    "formatter",
    [
        Shouting("%(message)s"),
        logging.Formatter("{message}", style="{"),
        logging.Formatter("%(message)s %(ip)s", defaults={"ip": "-"}),
        logging.Formatter("%(exc_info)s %(message)s"),
        gmt(),
    ],
    ids=["subclass", "style", "defaults", "not native", "converter"],
)
def test_any_other_formatter_runs_in_python_and_its_text_is_kept(
    spools: Spools, log: logging.Logger, formatter: logging.Formatter
) -> None:
    handler = Handler("app.log")
    handler.setFormatter(formatter)
    log.addHandler(handler)
    log.info("words")
    expected = formatter.format(logging.makeLogRecord({"msg": "words"}))
    assert handler.needs_record
    assert messages(spools) == [expected]
    handler.setFormatter(None)
    log.info("words")
    assert (messages(spools), handler.needs_record) == ([expected, "words"], False)


def test_two_handlers_of_one_file_keep_their_own_formats(spools: Spools, log: logging.Logger) -> None:
    first, second = Handler("app.log"), Handler("app.log")
    second.setFormatter(logging.Formatter("second: %(message)s"))
    assert second.needs_record, "the file has one native format, the first handler's"
    log.addHandler(first)
    log.addHandler(second)
    log.info("x")
    assert messages(spools) == ["x", "second: x"]


def test_a_failing_formatter_loses_nothing_and_is_said_once(
    spools: Spools, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise RuntimeError("no")

    handler = Handler("app.log")
    handler.setFormatter(Broken())
    log.addHandler(handler)
    log.info("one")
    log.info("two")
    assert messages(spools) == ["one", "two"]
    assert capsys.readouterr().err.count("formatter Broken failed (RuntimeError: no)") == 1


def test_a_formatter_that_logs_does_not_recurse(spools: Spools, log: logging.Logger) -> None:
    class Chatty(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            log.info("from inside")
            return "formatted"

    handler = Handler("app.log")
    handler.setFormatter(Chatty())
    log.addHandler(handler)
    log.info("x")
    assert messages(spools) == ["from inside", "formatted"]


def test_wrong_arguments_never_reach_the_caller(spools: Spools, log: logging.Logger) -> None:
    log.addHandler(Handler("app.log"))
    log.info("%d of %d", 1)
    assert len(messages(spools)) == 1


def test_there_is_no_lock_to_wait_for(spools: Spools) -> None:
    handler = Handler("app.log")
    assert handler.lock is None
    handler.acquire()
    handler.release()
    assert len(spools) == 1


def test_a_record_after_close_opens_the_target_again(spools: Spools, log: logging.Logger) -> None:
    handler = Handler("app.log")
    log.addHandler(handler)
    handler.close()
    assert spools[0].closed
    log.info("late")
    assert messages(spools[1:]) == ["late"]


def test_close_is_harmless_twice(spools: Spools) -> None:
    handler = Handler("app.log")
    handler.close()
    handler.close()
    assert len(spools) == 1


def test_a_target_that_cannot_be_opened_is_said_and_tried_again(
    spools: Spools, log: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Spool, identity: str, spec: str, local: bool) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "add_sink", refuse)
        log.addHandler(Handler("app.log"))
        log.info("lost, and said")
    log.info("there is room again")
    assert messages(spools) == ["there is room again"]
    assert "app.log cannot be opened ([Errno 28] No space left on device)" in capsys.readouterr().err


def test_dict_config_makes_it_as_any_handler(spools: Spools) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"brief": {"format": "%(levelname)s %(message)s"}},
            "filters": {"odd": {"name": "configured"}},
            "handlers": {
                "file": {
                    "class": "cordwood.Handler",
                    "filename": "logs/app.log",
                    "level": "WARNING",
                    "formatter": "brief",
                    "filters": ["odd"],
                    "max_bytes": "1 MB",
                },
                "console": {"class": "cordwood.Handler", "stream": "ext://sys.stdout"},
            },
            "loggers": {"configured": {"handlers": ["file", "console"], "level": "DEBUG", "propagate": False}},
        }
    )
    logger = logging.getLogger("configured")
    logger.info("console only")
    logger.warning("both")
    assert messages(spools) == ["both"]
    assert messages(spools, "console") == ["console only", "both"]
    assert [
        spec["format"]["format"] for spool in spools for spec in spool.specs.values() if spec["kind"] == "file"
    ] == ["%(levelname)s %(message)s"]
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


@pytest.mark.usefixtures("spools")
def test_a_memory_sink_keeps_the_last_records(log: logging.Logger) -> None:
    sink = MemorySink(capacity=2)
    handler = Handler(sink=sink)
    log.addHandler(handler)
    for number in range(3):
        log.info("n %d", number, extra={"number": number})
    handler.flush()
    assert [(record.message, record.fields["number"]) for record in sink.records] == [("n 1", 1), ("n 2", 2)]


@pytest.mark.usefixtures("spools")
def test_sixteen_threads_lose_nothing(log: logging.Logger) -> None:
    sink = MemorySink(capacity=10_000)
    handler = Handler(sink=sink)
    log.addHandler(handler)

    def work() -> None:
        for number in range(100):
            log.info("%d", number)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.flush()
    assert len(sink.records) == 1600


@pytest.mark.usefixtures("spools")
def test_a_sink_of_ones_own_refuses_unknown_settings() -> None:
    with pytest.raises(ConfigError, match="formt"):
        Handler(sink=MemorySink(), formt="json")


def test_django_makes_it_from_its_settings(spools: Spools) -> None:
    django = pytest.importorskip("django")
    from django.conf import settings

    settings.configure(
        LOGGING={
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"file": {"class": "cordwood.Handler", "filename": "logs/django.log", "format": "json"}},
            "loggers": {"django.request": {"handlers": ["file"], "level": "INFO", "propagate": False}},
        }
    )
    django.setup()
    logger = logging.getLogger("django.request")
    logger.warning("Not Found: %s", "/x", extra={"status_code": 404})
    assert messages(spools) == ["Not Found: /x"]
    logger.handlers[0].close()
    logger.handlers.clear()
