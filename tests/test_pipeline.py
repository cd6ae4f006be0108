"""configure, shutdown and what lies between: `logging` is taken over cleanly and given back as it was."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import cordwood
import pytest
from cordwood.pipeline.outlets import outlets
from cordwood.sinks.memory import MemorySink

ROOT = logging.getLogger()
BARE = {"format_string": "%(message)s"}


def written(path: str | Path = "logs/app.log") -> list[str]:
    """The lines of a file, once all that was logged is there."""
    assert cordwood.flush(10) == 0
    return Path(path).read_text(encoding="utf-8").splitlines()


def spec(name: str, log_dir: str = "logs") -> dict[str, object]:
    """The options under which a file stands in its spool."""
    found = [json.loads(path.read_bytes()) for path in Path(log_dir, ".cordwood", "sinks").glob("*.json")]
    (one,) = [spec for spec in found if Path(spec["path"]).name == name]
    return dict(one)


@contextmanager
def stuck(path: str = "logs/app.log") -> Iterator[None]:
    """The file cannot be opened while this lasts: a folder stands in its place."""
    Path(path).mkdir(parents=True)
    try:
        yield
    finally:
        Path(path).rmdir()


def test_one_call_and_every_logger_goes_through_cordwood(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("made.before")
    manager = cordwood.configure(**BARE)
    before.debug("old")
    logging.getLogger("made.after").error("new")
    assert written("logs/dev/app.log") == ["old", "new"]
    assert written("logs/dev/app_errors.log") == ["new"]
    assert capfd.readouterr().err == "old\nnew\n"
    assert manager is cordwood.LoggingManager()
    assert manager.config is not None
    assert manager.config.log_dir == "./logs/dev"


def test_the_spool_is_in_the_log_directory(tmp_path: Path) -> None:
    cordwood.configure(cordwood.LogConfig(log_dir="here", sync="always", max_message_bytes="2 kB"))
    logging.getLogger("x").warning("m" * 10_000)
    assert list(Path("here/.cordwood").glob("*"))
    assert list(cordwood.stats()["spools"]) == [str(tmp_path.resolve() / "here" / ".cordwood")]  # type: ignore[call-overload]
    assert written("here/app.log")[0].endswith(f"{'m' * 2048} … [7952 bytes cut]")
    assert spec("app.log", "here")["sync"] == "always"


@pytest.mark.usefixtures("capfd")
def test_without_files_no_folder_is_made(tmp_path: Path) -> None:
    cordwood.configure(preset="testing")
    logging.getLogger("x").error("console only")
    assert cordwood.flush(10) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_json_file_takes_three_settings(capfd: pytest.CaptureFixture[str]) -> None:
    cordwood.configure(cordwood.LogConfig(level="DEBUG", log_dir="logs", format="json"))
    logging.getLogger("x").debug("paid %d", 7)
    (line,) = written()
    assert (json.loads(line)["message"], json.loads(line)["template"]) == ("paid 7", "paid %d")
    assert capfd.readouterr().err == line + "\n"


def test_files_inherit_and_override() -> None:
    cordwood.configure(
        cordwood.LogConfig(
            console_output=False,
            max_bytes=100,
            compress="gzip",
            format_string="%(message)s",
            files=[{"name": "a.log", "max_bytes": 0, "format": "ecs"}, {"name": "b.log", "format_string": "%(name)s"}],  # type: ignore[arg-type]
        )
    )
    for _ in range(60):
        logging.getLogger("x").warning("m")
    assert {json.loads(line)["message"] for line in written("logs/a.log")} == {"m"}
    assert set(written("logs/b.log")) == {"x"}
    cordwood.shutdown()
    names = {path.name for path in Path("logs").glob("*.log*")}
    assert "a.log" in names
    assert "b.log.1" in {name.removesuffix(".gz") for name in names}  # packing goes on beside it
    assert not [name for name in names if name.startswith("a.log.")]


def test_a_file_may_belong_to_one_logger() -> None:
    cordwood.configure(console_output=False, files=["app.log", {"name": "services.log", "logger": "services"}], **BARE)
    logging.getLogger("services.auth").error("in both")
    logging.getLogger("other").error("in one")
    assert written("logs/dev/services.log") == ["in both"]
    assert written("logs/dev/app.log") == ["in both", "in one"]


def test_levels_are_set_and_given_back() -> None:
    component = logging.getLogger("component")
    component.setLevel(logging.ERROR)
    before = ROOT.level
    cordwood.configure(level="INFO", component_levels={"component": "DEBUG"})
    assert (ROOT.level, component.level) == (logging.INFO, logging.DEBUG)
    cordwood.configure(level="WARNING")
    assert (ROOT.level, component.level) == (logging.WARNING, logging.ERROR)
    cordwood.shutdown()
    assert (ROOT.level, component.level) == (before, logging.ERROR)
    component.setLevel(logging.NOTSET)


def test_configure_again_replaces_cleanly() -> None:
    cordwood.configure(preset="default", log_dir="one", console_output=False, **BARE)
    first = [handler for handler in ROOT.handlers if isinstance(handler, cordwood.Handler)]
    logging.getLogger("x").warning("first")
    cordwood.configure(preset="default", log_dir="two", console_output=False, **BARE)
    logging.getLogger("x").warning("second")
    assert not set(first) & set(ROOT.handlers)
    assert (written("one/app.log"), written("two/app.log")) == (["first"], ["second"])
    assert list(cordwood.stats()["spools"]) == [str(Path("two/.cordwood").resolve())]  # type: ignore[call-overload]


def test_configure_again_with_the_same_file_keeps_its_spool_and_takes_the_new_options() -> None:
    cordwood.configure(preset="default", backup_count=1, console_output=False)
    before = list(outlets.spools.values())
    cordwood.configure(preset="default", backup_count=2, console_output=False, **BARE)
    logging.getLogger("x").warning("once")
    assert list(outlets.spools.values()) == before
    assert spec("app.log")["backup_count"] == 2
    assert written() == ["once"]


def test_a_wrong_argument_leaves_logging_as_it_was() -> None:
    cordwood.configure()
    handlers, spools = list(ROOT.handlers), list(outlets.spools)
    with pytest.raises(cordwood.ConfigError, match="level"):
        cordwood.configure(level="LOUD", log_dir="elsewhere")
    assert (ROOT.handlers, list(outlets.spools)) == (handlers, spools)
    assert not Path("elsewhere").exists()


def test_only_plain_handlers_of_the_standard_streams_are_set_aside() -> None:
    class Own(logging.StreamHandler):  # type: ignore[type-arg]
        pass

    plain, own, memory = logging.StreamHandler(sys.stderr), Own(sys.stderr), logging.StreamHandler(io.StringIO())
    others = list(ROOT.handlers)
    for handler in (plain, own, memory):
        ROOT.addHandler(handler)
    cordwood.configure()
    assert ROOT.handlers[: len(others) + 2] == [*others, own, memory]
    assert plain not in ROOT.handlers
    cordwood.shutdown()
    assert [*others, plain, own, memory] == ROOT.handlers


def test_caplog_sees_every_record(caplog: pytest.LogCaptureFixture) -> None:
    cordwood.configure(console_output=False, **BARE)
    logging.getLogger("x").info("seen %d", 1)
    assert caplog.messages == ["seen 1"]
    assert caplog.record_tuples == [("x", logging.INFO, "seen 1")]
    assert written("logs/dev/app.log") == ["seen 1"]


def test_shutdown_gives_loggers_back_but_those_from_get_logger() -> None:
    kept = cordwood.get_logger("test_pipeline.kept")
    other = logging.getLogger("test_pipeline.other")
    cordwood.configure()
    assert type(other) is not logging.Logger
    assert kept is logging.getLogger("test_pipeline.kept")
    cordwood.shutdown()
    assert type(other) is logging.Logger
    assert type(ROOT) is logging.RootLogger
    assert type(kept) is not logging.Logger
    assert logging.getLoggerClass() is logging.Logger


def test_shutdown_twice_or_before_configure_is_harmless() -> None:
    assert cordwood.shutdown() == 0
    cordwood.configure(console_output=False, **BARE)
    logging.getLogger("x").error("first")
    assert cordwood.shutdown() == 0
    assert cordwood.shutdown() == 0
    assert cordwood.LoggingManager().config is None
    assert not outlets.opened
    cordwood.configure(console_output=False, **BARE)
    logging.getLogger("x").error("second")
    assert written("logs/dev/app.log") == ["first", "second"]


def test_silence_is_silent(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cordwood.configure(console_output=False, file_output=False)
    logging.getLogger("x").error("nowhere")
    assert cordwood.flush(10) == 0
    assert list(tmp_path.iterdir()) == []
    assert "nowhere" not in capfd.readouterr().err


def test_faults_are_said_and_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CORDWOOD_LEVEL", "LOUD")
    manager = cordwood.configure()
    assert [fault.field for fault in manager.faults] == ["level"]
    assert "cordwood: CORDWOOD_LEVEL: level: 'LOUD' is not a level" in capsys.readouterr().err
    assert manager.origins["log_dir"] == "preset development"


def test_auto_configure_reads_the_variable_the_application_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALONECHAT_ENV", "production")
    manager = cordwood.auto_configure(variable="ALONECHAT_ENV")
    assert manager.config is not None
    assert manager.config.log_dir == "./logs/prod"
    assert cordwood.auto_configure("testing").config.log_dir == "./logs/test"  # type: ignore[union-attr]
    with pytest.raises(cordwood.ConfigError, match="there is no preset 'prod'"):
        cordwood.auto_configure(env="prod")


def test_an_unusable_folder_is_said_and_the_state_directory_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("logs").mkdir()
    Path("logs/.cordwood").write_text("a file where the spool's folder should be", encoding="utf-8")
    cordwood.configure(preset="default", console_output=False, **BARE)
    assert "the spool folder" in capsys.readouterr().err
    logging.getLogger("x").warning("kept")
    assert list((tmp_path / "state" / "cordwood" / "spool").iterdir())
    assert written() == ["kept"]


def test_where_no_folder_can_be_used_records_wait_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for blocked in ("logs/.cordwood", "state"):
        Path(blocked).parent.mkdir(exist_ok=True)
        Path(blocked).write_text("a file where a folder should be", encoding="utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    cordwood.configure(preset="default", console_output=False, **BARE)
    assert "do not survive a crash" in capsys.readouterr().err
    logging.getLogger("x").warning("kept")
    assert written() == ["kept"]


def test_an_application_starts_though_no_thread_can_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = MemorySink()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread")))
        cordwood.configure(preset="default", console_output=False, sinks=[memory])
    logging.getLogger("shop").warning("m")
    assert cordwood.flush(10) == 0
    assert [record.message for record in memory.records] == ["m"]
    assert "no thread can be made" in capsys.readouterr().err


def test_stats_name_each_spool_and_flush_counts_what_remains(tmp_path: Path) -> None:
    with stuck():
        cordwood.configure(preset="default", console_output=False, **BARE)
        logging.getLogger("x").warning("one")
        logging.getLogger("x").warning("two")
        assert cordwood.flush(0.2) == 2
        counts = cordwood.stats()["spools"][str(tmp_path.resolve() / "logs" / ".cordwood")]  # type: ignore[index]
        assert (counts["accepted"], counts["undelivered"], set(counts["dropped"].values())) == (2, 2, {0})
    assert written() == ["one", "two"]
    assert cordwood.stats()["sinks"] == {}


@pytest.mark.parametrize(
    ("environ", "arguments", "coloured"),
    [
        ({}, {}, False),
        ({"FORCE_COLOR": "1"}, {}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, {}, False),
        ({"NO_COLOR": "1"}, {"console": {"colour": "always"}}, True),
        ({"GITHUB_ACTIONS": "true"}, {}, True),
        ({"GITHUB_ACTIONS": "true"}, {"console": {"colour": "never"}}, False),
    ],
)
def test_colour_follows_setting_then_environment_then_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    environ: dict[str, str],
    arguments: dict[str, object],
    coloured: bool,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    cordwood.configure(preset="testing", format_string="%(levelname)s %(message)s", **arguments)
    logging.getLogger("x").error("m")
    assert cordwood.flush(10) == 0
    assert capfd.readouterr().err == ("\x1b[31mERROR\x1b[0m m\n" if coloured else "ERROR m\n")


def test_a_theme_changes_single_levels(capfd: pytest.CaptureFixture[str]) -> None:
    cordwood.configure(
        preset="testing",
        level="INFO",
        format_string="%(levelname)s %(message)s",
        console={"colour": "always", "theme": {"info": "bold bright_blue", "ERROR": 196}},
    )
    for level in (logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("x").log(level, "m")
    assert cordwood.flush(10) == 0
    assert capfd.readouterr().err == (
        "\x1b[1;94mINFO\x1b[0m m\n\x1b[33mWARNING\x1b[0m m\n\x1b[38;5;196mERROR\x1b[0m m\n"
    )


def test_threads_may_log_while_others_configure() -> None:
    cordwood.configure(preset="default", console_output=False, log_dir="logs0", **BARE)
    done = threading.Event()
    counts = [0, 0]

    def work(slot: int) -> None:
        log = logging.getLogger(f"worker{slot}")
        while not done.is_set():
            log.warning("%d %d", slot, counts[slot])
            counts[slot] += 1

    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(2)]
    for thread in threads:
        thread.start()
    for number in range(20):
        cordwood.configure(preset="default", console_output=False, log_dir=f"logs{number % 3}", **BARE)
    done.set()
    for thread in threads:
        thread.join()
    found = [line for number in range(3) for line in written(f"logs{number}/app.log")]
    assert sorted(found) == sorted(f"{slot} {number}" for slot in range(2) for number in range(counts[slot]))


def test_shutdown_waits_no_longer_than_it_may_and_says_what_remains(capsys: pytest.CaptureFixture[str]) -> None:
    with stuck():
        cordwood.configure(preset="default", console_output=False, **BARE)
        for number in range(3):
            logging.getLogger("x").warning("%d", number)
        assert cordwood.shutdown(timeout=0.2) == 3
        assert "3 records are not delivered yet" in capsys.readouterr().err
    cordwood.configure(preset="default", console_output=False, **BARE)
    logging.getLogger("x").warning("3")
    assert written() == ["0", "1", "2", "3"], "the next configuration on the folder brings what was left"


def test_a_console_handler_shared_with_another_logger_stays_there() -> None:
    shared = logging.StreamHandler(sys.stderr)
    services = logging.getLogger("services")
    for logger in (ROOT, services):
        logger.addHandler(shared)
    cordwood.configure(files=[{"name": "services.log", "logger": "services"}])
    assert shared not in ROOT.handlers
    assert shared in services.handlers
    cordwood.shutdown()
    assert services.handlers == [shared]
    services.handlers.clear()
    ROOT.removeHandler(shared)


def test_no_level_falls_back_while_another_configuration_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    cordwood.configure(level="DEBUG")
    seen: list[int] = []
    set_level = logging.Logger.setLevel

    def watch(logger: logging.Logger, level: int) -> None:
        seen.append(level)
        set_level(logger, level)

    with monkeypatch.context() as patch:
        patch.setattr(logging.Logger, "setLevel", watch)
        cordwood.configure(level="INFO")
    assert seen == [logging.INFO]


def test_shutdown_gives_the_root_s_handlers_back_in_their_order() -> None:
    root = logging.getLogger()
    first, second, third = logging.StreamHandler(), logging.NullHandler(), logging.StreamHandler(sys.stdout)
    root.handlers = [first, second, third]
    cordwood.configure(log_dir="logs")
    added = logging.NullHandler()
    root.addHandler(added)
    cordwood.configure(log_dir="logs")
    cordwood.shutdown()
    assert root.handlers == [first, second, third, added]
