"""cordwood.Handler as a `logging.Handler`: filters, levels, formatters, life and death."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import logging.handlers
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cordwood
import pytest
from cordwood.errors import ConfigError
from cordwood.pipeline import Handler
from cordwood.pipeline.outlets import outlets
from cordwood.sinks.memory import MemorySink

BARE = "%(message)s"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.Logger("app")  # noqa: LOG001 of no hierarchy
    yield logger
    for handler in logger.handlers:
        handler.close()


def written(path: str = "app.log") -> list[str]:
    """The lines of a file, once all that was logged is there."""
    assert cordwood.flush(10) == 0
    return Path(path).read_text(encoding="utf-8").splitlines()


def test_a_file_name_is_all_it_takes(log: logging.Logger) -> None:
    log.addHandler(Handler("logs/app.log"))
    log.info("paid %d", 7)
    (line,) = written("logs/app.log")
    assert line.endswith(" - app - INFO - paid 7")
    assert Path("logs/.cordwood").is_dir()
    assert sorted(path.name for path in Path("logs").iterdir()) == [".cordwood", "app.log"]


def test_settings_reach_the_sink(log: logging.Logger) -> None:
    handler = Handler("a.log", "INFO", format="ecs", max_bytes="5 MB", backup_count=2, compress="zstd", file_mode=0o640)
    log.addHandler(handler)
    log.debug("below")
    log.info("m")
    (line,) = written("a.log")
    assert (handler.level, json.loads(line)["ecs.version"]) == (logging.INFO, "8.11")
    assert Path("a.log").stat().st_mode & 0o777 == 0o640
    (spec,) = [json.loads(path.read_bytes()) for path in Path(".cordwood/sinks").glob("*.json")]
    assert {"max_bytes": 5 << 20, "backup_count": 2, "compress": "zstd", "mode": 0o640}.items() <= spec.items()


@pytest.mark.parametrize("given", ["name", "stream"])
def test_a_stream_is_named_or_given(log: logging.Logger, capfd: pytest.CaptureFixture[str], given: str) -> None:
    log.addHandler(Handler(stream="stdout" if given == "name" else sys.stdout, format_string=BARE))
    log.info("m")
    log.handlers[0].flush()
    assert capfd.readouterr() == ("m\n", "")
    assert list(Path().iterdir()) == []


def test_the_words_stderr_and_stdout_are_streams(log: logging.Logger, capfd: pytest.CaptureFixture[str]) -> None:
    log.addHandler(Handler("stderr", format_string=BARE))
    log.info("m")
    log.handlers[0].flush()
    assert capfd.readouterr() == ("", "m\n")


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


def test_filters_drop_records_and_put_others_in_their_place(log: logging.Logger) -> None:
    handler = Handler("app.log", format_string=BARE)
    log.addHandler(handler)
    handler.addFilter(lambda record: record.msg != "dropped")
    log.info("dropped")
    log.info("kept")
    assert written() == ["kept"]
    if sys.version_info >= (3, 12):
        handler.addFilter(lambda record: logging.makeLogRecord({**vars(record), "msg": "replaced"}))
        log.info("original")
        assert written() == ["kept", "replaced"]


def test_levels_are_those_of_logging(log: logging.Logger) -> None:
    handler = Handler("app.log", level="ERROR", format_string=BARE)
    log.addHandler(handler)
    log.warning("no")
    log.error("yes")
    handler.setLevel(logging.DEBUG)
    log.debug("yes, too")
    assert written() == ["yes", "yes, too"]


def test_a_plain_formatter_runs_natively(log: logging.Logger) -> None:
    handler = Handler("app.log", format="json")
    log.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s!", "%Y"))
    log.info("m")
    assert not handler.needs_record
    assert written() == [f"{time.localtime().tm_year} m!"]


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
    log: logging.Logger, formatter: logging.Formatter
) -> None:
    handler = Handler("app.log", format_string=BARE)
    handler.setFormatter(formatter)
    log.addHandler(handler)
    log.info("words")
    expected = formatter.format(logging.makeLogRecord({"msg": "words"}))
    assert handler.needs_record
    assert written() == [expected]
    handler.setFormatter(None)
    log.info("words")
    assert (written(), handler.needs_record) == ([expected, "words"], False)


def test_two_handlers_of_one_file_keep_their_own_formats(log: logging.Logger) -> None:
    first, second = (Handler("app.log", format_string=BARE) for _ in range(2))
    second.setFormatter(logging.Formatter("second: %(message)s"))
    assert second.needs_record, "the file has one native format, the first handler's"
    log.addHandler(first)
    log.addHandler(second)
    log.info("x")
    assert written() == ["x", "second: x"]


def test_a_failing_formatter_loses_nothing_and_is_said_once(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise RuntimeError("no")

    handler = Handler("app.log", format_string=BARE)
    handler.setFormatter(Broken())
    log.addHandler(handler)
    log.info("one")
    log.info("two")
    assert written() == ["one", "two"]
    assert capsys.readouterr().err.count("formatter Broken failed (RuntimeError: no)") == 1


def test_a_formatter_that_logs_does_not_recurse(log: logging.Logger) -> None:
    class Chatty(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            log.info("from inside")
            return "formatted"

    handler = Handler("app.log", format_string=BARE)
    handler.setFormatter(Chatty())
    log.addHandler(handler)
    log.info("x")
    assert written() == ["from inside", "formatted"]


def test_wrong_arguments_never_reach_the_caller(log: logging.Logger) -> None:
    log.addHandler(Handler("app.log", format_string=BARE))
    log.info("%d of %d", 1)  # noqa: PLE1206 the fault is the subject
    assert written() == ["%d of %d [arguments: 1; not formatted: TypeError: not enough arguments for format string]"]


def test_there_is_no_lock_to_wait_for() -> None:
    handler = Handler("app.log")
    assert handler.lock is None
    handler.acquire()
    handler.release()


def test_a_record_after_close_opens_the_target_again(log: logging.Logger) -> None:
    handler = Handler("app.log", format_string=BARE)
    log.addHandler(handler)
    log.info("early")
    handler.close()
    assert not outlets.opened
    log.info("late")
    assert written() == ["early", "late"]


def test_close_is_harmless_twice(log: logging.Logger) -> None:
    handler, other = Handler("app.log", format_string=BARE), Handler("app.log", format_string=BARE)
    handler.close()
    handler.close()
    log.addHandler(other)
    log.info("m")
    assert written() == ["m"], "the second close took nothing from the other handler"


def test_a_target_that_cannot_be_opened_is_said_and_tried_again(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".cordwood/sinks").parent.mkdir()
    Path(".cordwood/sinks").write_text("a file where a folder should be", encoding="utf-8")
    log.addHandler(Handler("app.log", format_string=BARE))
    log.info("lost, and said")
    assert "app.log cannot be opened" in capsys.readouterr().err
    Path(".cordwood/sinks").unlink()
    log.info("there is room again")
    assert written() == ["there is room again"]


def test_dict_config_makes_it_as_any_handler(capfd: pytest.CaptureFixture[str]) -> None:
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
    assert written("logs/app.log") == ["WARNING both"]
    assert [line.rpartition(" - ")[2] for line in capfd.readouterr().out.splitlines()] == ["console only", "both"]
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def test_a_memory_sink_keeps_the_last_records(log: logging.Logger) -> None:
    sink = MemorySink(capacity=2)
    handler = Handler(sink=sink)
    log.addHandler(handler)
    for number in range(3):
        log.info("n %d", number, extra={"number": number})
    handler.flush()
    assert [(record.message, record.fields["number"]) for record in sink.records] == [("n 1", 1), ("n 2", 2)]


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


def test_a_record_without_a_task_name_is_of_the_running_task(log: logging.Logger) -> None:
    """Before Python 3.12 no LogRecord has one; `taskName` that is None is none."""
    handler = Handler("app.log", format_string="%(taskName)s %(message)s")
    log.addHandler(handler)

    async def work() -> None:
        for message in ("unnamed", "of no task"):
            record = logging.makeLogRecord({"msg": message})
            vars(record)["taskName"] = None
            if message == "unnamed":
                del vars(record)["taskName"]
            handler.handle(record)

    async def main() -> None:
        await asyncio.create_task(work(), name="the task")

    asyncio.run(main())
    assert written() == ["the task unnamed", "None of no task"]


def test_a_sink_of_ones_own_refuses_unknown_settings() -> None:
    with pytest.raises(ConfigError, match="formt"):
        Handler(sink=MemorySink(), formt="json")


DJANGO = """
import logging
import django
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
logging.getLogger("django.request").warning("Not Found: %s", "/x", extra={"status_code": 404})
"""


def test_django_makes_it_from_its_settings(tmp_path: Path) -> None:
    """In a process of its own: Django's settings can be made once."""
    pytest.importorskip("django")
    subprocess.run([sys.executable, "-c", DJANGO], cwd=tmp_path, check=True, timeout=60)
    line = json.loads((tmp_path / "logs/django.log").read_text())
    assert (line["message"], line["template"], line["status_code"]) == ("Not Found: /x", "Not Found: %s", 404)


class Telling(logging.Formatter):
    """Shows what it is given, in ways that no text tells is secret."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} | {record.args} | {getattr(record, 'api_key', '-')}"


@pytest.mark.parametrize(
    ("call", "extra", "line"),
    [
        (("token %s for %s", "S3CRET", "ann"), {}, "token *** for ann | ('***', 'ann') | -"),
        (("%(token)s of %(id)s", {"token": "S3CRET", "id": 7}), {}, "*** of 7 | {'token': '***', 'id': 7} | -"),
        (("paid",), {"api_key": "S3CRET"}, "paid | () | ***"),
    ],
    ids=["an argument", "an item", "a field"],
)
def test_C8_a_formatter_of_one_s_own_is_not_shown_secrets_and_foreign_handlers_see_the_original(
    log: logging.Logger, call: tuple[str, ...], extra: dict[str, str], line: str
) -> None:
    ours, foreign = Handler("app.log"), logging.handlers.BufferingHandler(10)
    ours.setFormatter(Telling("%(message)s"))
    log.addHandler(ours)
    log.addHandler(foreign)
    log.warning(*call, extra=extra)
    assert written() == [line]
    (record,) = foreign.buffer
    assert "S3CRET" in record.getMessage() + getattr(record, "api_key", "")


def test_a_formatter_of_one_s_own_is_shown_the_context_and_other_handlers_are_not(log: logging.Logger) -> None:
    ours, foreign = Handler("app.log"), logging.handlers.BufferingHandler(10)
    ours.setFormatter(Telling("%(request_id)s %(message)s"))
    log.addHandler(ours)
    log.addHandler(foreign)
    with cordwood.context(request_id="r-81", api_key="S3CRET"):
        log.warning("paid")
    assert written() == ["r-81 paid | () | ***"]
    (record,) = foreign.buffer
    assert not hasattr(record, "request_id")


def test_what_is_logged_while_the_zone_is_looked_up_is_kept(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`time.localtime` may be a function in Python, as where tests stop the clock."""
    log.addHandler(Handler("app.log", format_string=BARE))
    localtime = time.localtime
    inside: list[bool] = []

    def chatty(*args: float) -> time.struct_time:
        if not inside:
            inside.append(True)
            log.info("inner")
        return localtime(*args)

    monkeypatch.setattr(time, "localtime", chatty)
    log.info("outer")
    assert written() == ["inner", "outer"]


@pytest.mark.parametrize(
    "value", [list(range(10**6)), {str(n): n for n in range(10**6)}, ["x" * 10**6], [["y"] * 10**6]]
)
def test_a_field_of_any_size_is_cut_and_stays_json(log: logging.Logger, value: object) -> None:
    log.addHandler(Handler("app.log", format="json", max_message_bytes="10 KB"))
    log.info("m", extra={"data": value})
    (line,) = written()
    assert len(line) < 40_000
    assert "\u2026" in json.dumps(json.loads(line)["data"], ensure_ascii=False)


def test_a_flush_ends_when_a_signals_handler_raises(log: logging.Logger) -> None:
    path = Path("app.log")
    path.mkdir()
    log.addHandler(Handler("app.log"))
    log.info("waits")

    def alarm(*_: object) -> None:
        raise InterruptedError

    before, begun = signal.signal(signal.SIGALRM, alarm), time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(InterruptedError):
            cordwood.flush(60)
        assert time.monotonic() < begun + 60
    finally:
        signal.signal(signal.SIGALRM, before)
    path.rmdir()
    assert len(written()) == 1
