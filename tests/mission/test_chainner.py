"""H: host and worker processes, their files, and what survives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cordwood.config import directories

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

FILE_LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[\d+\] \[[A-Z]+\] "


def test_H1_host_and_worker_have_their_files_in_one_directory(run: Run, tmp_path: Path) -> None:
    run(
        "chainner",
        """
        from logger import get_logger, get_logger_from_env, setup_logger
        setup_logger("host", log_dir="logs")
        get_logger("host").info("This is a log message from the host")
        get_logger("worker").info("This is a log message from the worker")
        assert get_logger_from_env() is get_logger("worker")
        """,
    )
    texts = {name: (tmp_path / f"logs/{name}.log").read_text() for name in ("host", "worker")}
    for name, text in texts.items():
        assert re.fullmatch(
            rf"{FILE_LINE}Logger initialized for {name} process\. Log file: logs/{name}\.log\n"
            rf"{FILE_LINE}This is a log message from the {name}\n",
            text,
        )


@pytest.mark.parametrize(
    ("variable", "name"), [("host", "host"), ("worker", "worker"), ("", "worker"), ("hst", "worker")]
)
def test_H1_shared_code_asks_the_environment(run: Run, tmp_path: Path, variable: str, name: str) -> None:
    said = run(
        "chainner",
        "from logger import get_logger_from_env; get_logger_from_env().info('from shared code')",
        CHAINNER_PROCESS_TYPE=variable,
    ).stderr
    assert (tmp_path / f"home/tmp/chaiNNer/logs/{name}.log").read_text().endswith("[INFO] from shared code\n")
    assert ("CHAINNER_PROCESS_TYPE: 'hst' is not host or worker" in said) is (variable == "hst")


def test_H1_a_directory_that_is_given_wins_over_the_environment(run: Run, tmp_path: Path) -> None:
    run("chainner", "from logger import setup_logger; setup_logger('worker', 'given')", CORDWOOD_LOG_DIR="variable")
    assert (tmp_path / "given/worker.log").exists()
    run("chainner", "from logger import get_logger; get_logger('worker')", CORDWOOD_LOG_DIR="variable")
    assert (tmp_path / "variable/worker.log").exists()


def test_H2_formats_and_first_line_are_the_documented_ones(run: Run, tmp_path: Path) -> None:
    done = run(
        "chainner",
        """
        import os
        from pathlib import Path
        from logger import setup_logger
        setup_logger("worker", log_dir=Path("logs").absolute())
        print(os.getpid())
        """,
    )
    log_file, pid = tmp_path / "logs/worker.log", done.stdout.strip()
    message = f"Logger initialized for worker process. Log file: {log_file}"
    line = log_file.read_text()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d (\d\d:\d\d:\d\d)\.\d{{3}} \[{pid}\] \[INFO\] {re.escape(message)}\n", line)
    assert done.stderr == f"[{line[11:19]}] [{pid}] [INFO] {message}\n"


def test_H3_each_level_has_its_colour_and_files_have_none(run: Run, tmp_path: Path) -> None:
    console = run(
        "chainner",
        """
        from logger import setup_logger
        logger = setup_logger("worker", log_dir="logs", log_level="DEBUG")
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(logger, level)("x")
        """,
        FORCE_COLOR="1",
    ).stderr
    colours = {"DEBUG": 36, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}
    assert re.findall(r"\[\x1b\[(\d+)m([A-Z]+)\x1b\[0m\] x\n", console) == [
        (str(code), level) for level, code in colours.items()
    ]
    assert "\x1b" not in (tmp_path / "logs/worker.log").read_text()


def test_H3_each_file_rotates_at_10_mb_with_5_backups(tmp_path: Path) -> None:
    from cordwood.config.presets.chainner import chainner

    config = chainner("host", "worker", log_dir=tmp_path)
    assert (config.max_bytes, config.backup_count) == (10 * 1024 * 1024, 5)
    assert [(file.name, file.max_bytes) for file in config.files] == [("host.log", None), ("worker.log", None)]


@pytest.mark.parametrize(
    ("module", "class_", "ending"),
    [
        ("unix", "Unix", ".config/chaiNNer/logs"),
        ("macos", "MacOS", "Library/Application Support/chaiNNer/logs"),
        ("windows", "Windows", "AppData/Roaming/chaiNNer/logs"),
    ],
)
def test_H4_the_documented_directory_of_each_platform(
    monkeypatch: pytest.MonkeyPatch, module: str, class_: str, ending: str
) -> None:
    import importlib

    import platformdirs

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    of = importlib.import_module(f"platformdirs.{module}")
    if module == "windows":
        monkeypatch.setattr(of, "get_win_folder", lambda name: {"CSIDL_APPDATA": "C:/Users/ann/AppData/Roaming"}[name])
    monkeypatch.setattr(
        platformdirs, "user_config_dir", lambda app, **options: getattr(of, class_)(app, **options).user_config_dir
    )
    assert directories.platform_log_dir("chaiNNer").as_posix().replace("\\", "/").endswith(ending)


def test_H4_a_bundled_program_uses_the_platform_a_portable_one_its_own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    choose = directories.application_log_dir
    program = tmp_path / "chainner" / "chaiNNer"
    program.parent.mkdir()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert choose("chaiNNer", executable=program) == directories.platform_log_dir("chaiNNer")
    (program.parent / "portable").touch()
    assert choose("chaiNNer", executable=program) == program.parent / "logs"
    assert choose("chaiNNer", "given", executable=program) == Path("given")


def test_H4_an_executable_s_folder_that_may_not_be_looked_at_is_not_portable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", forbidden)  # as for another user's home
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert directories.application_log_dir("chaiNNer") == tmp_path / "chaiNNer" / "logs"


def test_H4_development_falls_back_to_the_temporary_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert directories.application_log_dir("chaiNNer") == tmp_path / "chaiNNer" / "logs"


@pytest.mark.parametrize("trap", ["owner", "link", "inner link", "open", "file"])
def test_H4_what_another_user_may_have_put_there_is_refused_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], trap: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder, elsewhere = tmp_path / "chaiNNer", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if trap == "link":
        folder.symlink_to(elsewhere)
    elif trap == "file":
        folder.touch()
    else:
        folder.mkdir(mode=0o700)
        if trap == "inner link":
            (folder / "logs").symlink_to(elsewhere)
        elif trap == "open":
            folder.chmod(0o777)
        elif os.getuid() == 0:
            os.chown(folder, 12345, -1)
        else:
            pytest.skip("only root can give a folder away")
    found = directories.temporary_log_dir("chaiNNer")
    assert found == tmp_path / f"chaiNNer-{os.getuid()}" / "logs"
    assert f"{folder} is not used for logs: " in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []


HOST = """
import os, subprocess, sys
from logger import setup_logger
logger = setup_logger("host", log_dir="logs")
worker = subprocess.Popen([sys.executable, "-uc", '''
import os, sys
from logger import setup_logger
logger = setup_logger("worker", log_dir="logs")
for number in range(2000):
    logger.info("worker %d", number)
print(os.getpid(), flush=True)
sys.stdin.read()
'''], stdin=subprocess.PIPE)
for number in range(2000):
    logger.info("host %d", number)
print("host done", flush=True)
sys.stdin.read()
"""


def killed(start: Start) -> None:
    """Host and worker log 2,000 records each; then both die by SIGKILL, the host first."""
    host = start("chainner", HOST, CORDWOOD_CONSOLE_OUTPUT="no")
    assert host.stdout is not None
    said = [host.stdout.readline(), host.stdout.readline()]
    worker = next(int(line) for line in said if line.strip().isdecimal())
    host.send_signal(signal.SIGKILL)
    host.wait(30)
    os.kill(worker, signal.SIGKILL)


def logged(path: Path, name: str) -> list[int]:
    return [int(number) for number in re.findall(rf"\] {name} (\d+)\n", path.read_text())]


def test_H5_after_kill_9_of_both_recover_brings_every_record_once(start: Start, cordwood: Run, tmp_path: Path) -> None:
    killed(start)
    cordwood("recover", "logs")
    for name in ("host", "worker"):
        assert logged(tmp_path / f"logs/{name}.log", name) == list(range(2000))


def test_H5_without_recover_the_next_process_on_the_folder_brings_them(start: Start, run: Run, tmp_path: Path) -> None:
    killed(start)
    run(
        "chainner",
        """
        import time
        from pathlib import Path
        from logger import setup_logger
        import cordwood
        setup_logger("host", log_dir="logs").info("back again")
        until, path = time.monotonic() + 30, Path("logs/worker.log")
        while time.monotonic() < until and not (path.exists() and "worker 1999" in path.read_text()):
            time.sleep(0.02)
        """,
    )
    for name in ("host", "worker"):
        assert logged(tmp_path / f"logs/{name}.log", name) == list(range(2000))


def test_H6_four_processes_write_one_rotating_file_without_a_lost_torn_or_doubled_line(
    start: Start, tmp_path: Path
) -> None:
    program = """
    import sys
    from logger import setup_logger
    logger = setup_logger("worker", log_dir="logs")
    for number in range(3000):
        logger.info("line %s %d %s", sys.argv[1], number, "x" * 60)
    """
    settings = {"CORDWOOD_CONSOLE_OUTPUT": "no", "CORDWOOD_MAX_BYTES": "100 kB", "CORDWOOD_BACKUP_COUNT": "99"}
    processes = [
        start("chainner", program.replace("sys.argv[1]", repr(str(number))), **settings) for number in range(4)
    ]
    for process in processes:
        assert process.wait(60) == 0
    files = sorted((tmp_path / "logs").glob("worker.log.*"), key=lambda path: -int(path.suffix[1:]))
    assert len(files) > 5
    found: dict[str, list[int]] = {}
    for file in [*files, tmp_path / "logs/worker.log"]:
        for line in file.read_text().splitlines():
            match = re.fullmatch(FILE_LINE + r"(?:line (\d) (\d+) x{60}|Logger initialized .*)", line)
            assert match, line
            if match[1]:
                found.setdefault(match[1], []).append(int(match[2]))
    assert found == {str(number): list(range(3000)) for number in range(4)}, "each in order, each once"


def test_H6_one_command_shows_both_merged_by_millisecond(run: Run, cordwood: Run) -> None:
    run(
        "chainner",
        """
        import time
        from logger import get_logger, setup_logger
        setup_logger("host", log_dir="logs")
        for number in range(5):
            get_logger("host").info("host %d", number)
            time.sleep(0.002)  # lines of one millisecond have no order between files
            get_logger("worker").info("worker %d", number)
            time.sleep(0.002)
        """,
    )
    shown = cordwood("tail", "-n", "20", "logs/host.log", "logs/worker.log").stdout
    assert re.findall(r"\] (host|worker) (\d)", shown) == [
        (name, str(number)) for number in range(5) for name in ("host", "worker")
    ]


def test_H7_a_framework_s_own_logger_goes_to_the_process_s_file(run: Run, tmp_path: Path) -> None:
    run(
        "chainner",
        """
        import logging
        from logger import get_logger
        get_logger("worker")
        for name in ("sanic.root", "sanic.error", "uvicorn.error", "gunicorn.error"):
            logging.getLogger(name).warning("from %s", name)
        """,
    )
    text = (tmp_path / "home/tmp/chaiNNer/logs/worker.log").read_text()
    assert re.findall(r"\[WARNING\] from (\S+)\n", text) == [
        "sanic.root", "sanic.error", "uvicorn.error", "gunicorn.error",
    ]  # fmt: skip
