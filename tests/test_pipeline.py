"""configure, shutdown and what lies between: `logging` is taken over cleanly and given back as it was."""

from __future__ import annotations

import io
import logging
import sys
import threading
from pathlib import Path

import cordwood
import pytest

from tests.fake_native import Spool

Spools = list[Spool]
ROOT = logging.getLogger()


def delivered(spools: Spools) -> dict[str, list[str]]:
    """Messages by file name or stream, over all spools."""
    found: dict[str, list[str]] = {}
    for spool in spools:
        for bit, spec in spool.specs.items():
            name = Path(spec.get("path") or spec["stream"]).name
            found.setdefault(name, []).extend(text or record.message for record, text in spool.delivered[bit])
    return found


def specs(spools: Spools) -> dict[str, dict[str, object]]:
    return {Path(spec.get("path") or spec["stream"]).name: spec for spool in spools for spec in spool.specs.values()}


def test_one_call_and_every_logger_goes_through_cordwood(spools: Spools) -> None:
    before = logging.getLogger("made.before")
    manager = cordwood.configure()
    before.debug("old")
    logging.getLogger("made.after").error("new")
    assert delivered(spools) == {
        "stderr": ["old", "new"],
        "app.log": ["old", "new"],
        "app_errors.log": ["new"],
    }
    assert manager is cordwood.LoggingManager()
    assert manager.config is not None
    assert manager.config.log_dir == "./logs/dev"


def test_the_spool_is_in_the_log_directory(spools: Spools, tmp_path: Path) -> None:
    cordwood.configure(cordwood.LogConfig(log_dir="here", sync="always", max_message_bytes="2 MB"))
    assert spools[0].folder == str(tmp_path.resolve() / "here" / ".cordwood")
    assert spools[0].options == {"max_bytes": 256 << 20, "max_message_bytes": 2 << 20, "sync": "always"}


def test_without_files_no_folder_is_made(spools: Spools) -> None:
    cordwood.configure(preset="testing")
    assert [spool.folder for spool in spools] == [None]


def test_a_json_file_takes_three_settings(spools: Spools) -> None:
    cordwood.configure(cordwood.LogConfig(level="DEBUG", log_dir="logs", format="json"))
    assert specs(spools)["app.log"]["format"] == {"kind": "json", "names": "cordwood"}
    assert specs(spools)["stderr"]["format"] == {"kind": "json", "names": "cordwood"}


def test_files_inherit_and_override(spools: Spools) -> None:
    cordwood.configure(
        cordwood.LogConfig(
            max_bytes=100,
            compress="gzip",
            format_string="%(message)s",
            files=[{"name": "a.log", "max_bytes": 0, "format": "ecs"}, {"name": "b.log", "format_string": "%(name)s"}],  # type: ignore[arg-type]
        )
    )
    a, b = specs(spools)["a.log"], specs(spools)["b.log"]
    assert (a["max_bytes"], a["compress"], a["format"]) == (0, "gzip", {"kind": "json", "names": "ecs"})
    assert (b["max_bytes"], b["format"]) == (
        100,
        {"kind": "text", "format": "%(name)s", "date_format": "%Y-%m-%d %H:%M:%S"},
    )


def test_a_file_may_belong_to_one_logger(spools: Spools) -> None:
    cordwood.configure(files=["app.log", {"name": "services.log", "logger": "services"}])
    logging.getLogger("services.auth").info("in both")
    logging.getLogger("other").info("in one")
    found = delivered(spools)
    assert (found["services.log"], found["app.log"]) == (["in both"], ["in both", "in one"])


def test_a_format_the_core_cannot_express_is_rendered_in_python(spools: Spools) -> None:
    cordwood.configure(format_string="%(message)s %(exc_info)s", console_output=False, files=["app.log"])
    logging.getLogger("x").error("slower")
    assert delivered(spools)["app.log"] == ["slower None"]


def test_levels_are_set_and_given_back(spools: Spools) -> None:
    component = logging.getLogger("component")
    component.setLevel(logging.ERROR)
    before = ROOT.level
    cordwood.configure(level="INFO", component_levels={"component": "DEBUG"})
    assert (ROOT.level, component.level) == (logging.INFO, logging.DEBUG)
    cordwood.configure(level="WARNING")
    assert (ROOT.level, component.level) == (logging.WARNING, logging.ERROR)
    cordwood.shutdown()
    assert (ROOT.level, component.level) == (before, logging.ERROR)
    assert spools[-1].closed


def test_configure_again_replaces_cleanly(spools: Spools) -> None:
    cordwood.configure(preset="default", log_dir="one")
    first = [handler for handler in ROOT.handlers if isinstance(handler, cordwood.Handler)]
    cordwood.configure(preset="default", log_dir="two")
    logging.getLogger("x").warning("second")
    assert not set(first) & set(ROOT.handlers)
    assert [spool.closed for spool in spools] == [True, False]
    assert delivered(spools[:1]) == {"stderr": [], "app.log": []}
    assert delivered(spools[1:]) == {"stderr": ["second"], "app.log": ["second"]}


def test_configure_again_with_the_same_file_keeps_its_spool_and_takes_the_new_options(spools: Spools) -> None:
    cordwood.configure(preset="default", backup_count=1)
    cordwood.configure(preset="default", backup_count=2, console_output=False)
    logging.getLogger("x").warning("once")
    assert len(spools) == 1
    assert not spools[0].closed
    assert specs(spools)["app.log"]["backup_count"] == 2
    assert delivered(spools)["app.log"] == ["once"]
    assert list(spools[0].sinks) == [str(Path("logs/app.log").resolve())]


def test_a_wrong_argument_leaves_logging_as_it_was(spools: Spools) -> None:
    cordwood.configure()
    handlers = list(ROOT.handlers)
    with pytest.raises(cordwood.ConfigError, match="level"):
        cordwood.configure(level="LOUD")
    assert ROOT.handlers == handlers
    assert len(spools) == 1


@pytest.mark.usefixtures("spools")
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
    assert [*others, own, memory, plain] == ROOT.handlers


def test_caplog_sees_every_record(spools: Spools, caplog: pytest.LogCaptureFixture) -> None:
    cordwood.configure()
    logging.getLogger("x").info("seen %d", 1)
    assert caplog.messages == ["seen 1"]
    assert delivered(spools)["app.log"] == ["seen 1"]


@pytest.mark.usefixtures("spools")
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


def test_shutdown_twice_or_before_configure_is_harmless(spools: Spools) -> None:
    assert cordwood.shutdown() == 0
    cordwood.configure()
    assert cordwood.shutdown() == 0
    assert cordwood.shutdown() == 0
    assert cordwood.LoggingManager().config is None
    cordwood.configure()
    assert len(spools) == 2


def test_silence_is_silent(spools: Spools, capsys: pytest.CaptureFixture[str]) -> None:
    cordwood.configure(console_output=False, file_output=False)
    logging.getLogger("x").error("nowhere")
    assert spools == []
    assert "nowhere" not in capsys.readouterr().err


@pytest.mark.usefixtures("spools")
def test_faults_are_said_and_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CORDWOOD_LEVEL", "LOUD")
    manager = cordwood.configure()
    assert [fault.field for fault in manager.faults] == ["level"]
    assert "cordwood: CORDWOOD_LEVEL: level: 'LOUD' is not a level" in capsys.readouterr().err
    assert manager.origins["log_dir"] == "preset development"


@pytest.mark.usefixtures("spools")
def test_auto_configure_reads_the_variable_the_application_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALONECHAT_ENV", "production")
    manager = cordwood.auto_configure(variable="ALONECHAT_ENV")
    assert manager.config is not None
    assert manager.config.log_dir == "./logs/prod"
    assert cordwood.auto_configure("testing").config.log_dir == "./logs/test"  # type: ignore[union-attr]
    with pytest.raises(cordwood.ConfigError, match="there is no preset 'prod'"):
        cordwood.auto_configure(env="prod")


def test_an_unusable_folder_is_said_and_the_state_directory_used(
    spools: Spools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Spool.unusable.add(str(tmp_path.resolve() / "logs" / ".cordwood"))
    cordwood.configure(preset="default")
    assert str(spools[0].folder).startswith(str(tmp_path / "state" / "cordwood" / "spool"))
    assert "the spool folder" in capsys.readouterr().err


def test_where_no_folder_can_be_used_records_wait_in_memory(spools: Spools, capsys: pytest.CaptureFixture[str]) -> None:
    Spool.unusable.add("*")
    cordwood.configure(preset="default")
    logging.getLogger("x").warning("kept")
    assert spools[0].folder is None
    assert delivered(spools)["app.log"] == ["kept"]
    assert "do not survive a crash" in capsys.readouterr().err


@pytest.mark.usefixtures("spools")
def test_stats_name_each_spool_and_flush_counts_what_remains(tmp_path: Path) -> None:
    cordwood.configure(preset="default")
    logging.getLogger("x").warning("one")
    assert cordwood.flush(1) == 0
    stats = cordwood.stats()
    assert stats["spools"] == {str(tmp_path.resolve() / "logs" / ".cordwood"): {"accepted": 2}}
    assert stats["sinks"] == {}


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
    spools: Spools,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    arguments: dict[str, object],
    coloured: bool,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    cordwood.configure(preset="testing", **arguments)
    theme = specs(spools)["stderr"]["theme"]
    assert theme == ({} if coloured else None)


def test_a_theme_changes_single_levels(spools: Spools) -> None:
    cordwood.configure(
        preset="testing", console={"colour": "always", "theme": {"info": "bold bright_blue", "ERROR": 196}}
    )
    assert specs(spools)["stderr"]["theme"] == {"INFO": "bold bright_blue", "ERROR": "196"}


def test_threads_may_log_while_others_configure(spools: Spools) -> None:
    cordwood.configure(preset="default", console_output=False, log_dir="logs0")
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
        cordwood.configure(preset="default", console_output=False, log_dir=f"logs{number % 3}")
    done.set()
    for thread in threads:
        thread.join()
    found = delivered(spools)["app.log"]
    assert sorted(found) == sorted(f"{slot} {number}" for slot in range(2) for number in range(counts[slot]))


def test_shutdown_waits_no_longer_than_it_may_and_says_what_remains(
    spools: Spools, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []

    def stuck(_: Spool, timeout: float) -> int:
        waits.append(timeout)
        return 3

    cordwood.configure()
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "flush", stuck)
        assert cordwood.shutdown(timeout=0.5) == 3
    assert all(wait <= 0.5 for wait in waits)
    assert "3 records are not delivered yet" in capsys.readouterr().err


@pytest.mark.usefixtures("spools")
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


@pytest.mark.usefixtures("spools")
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
