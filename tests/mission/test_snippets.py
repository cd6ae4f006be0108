"""The snippets of the five documents, run as they are printed, where the documents are at hand."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.integrations.servers import wait_until
from tests.mission.conftest import EXAMPLES, environment

ROOT = Path(__file__).resolve().parents[2]
SEEDS = next((near for folder in (ROOT.parent, ROOT.parent.parent) for near in folder.glob("*/seeds")), ROOT / "seeds")
SYSTEMS = {
    "ami-backend": "ami_backend",
    "clipizi": "clipizi",
    "alonechat": "alonechat",
    "chainner": "chainner",
    "logger-module": "ai_platform",
}
# Not run: document, a part of the snippet, why.
NOT_RUN = (
    ("ami-backend", "./start_server.sh [options]", "[options] is for the reader to fill in"),
    ("ami-backend", "--force-kill", "ends whoever has port 5000; test_A5 does so to a process of its own"),
    ("ami-backend", "./analyze_logs.py", "test_A7 runs it, on logs that have something in them"),
    ("ami-backend", "kill -9 <PID>", "<PID> is for the reader to fill in"),
    ("ami-backend", "pip install -r", "the requirements of another application"),
    ("clipizi", "def setup_logger(name: str", "the head of a function, to be edited; test_C6 has the switch"),
    ("clipizi", "tail -f", "follows files for ever"),
    ("clipizi", 'grep "JobService"', "finds nothing, for the logger is services.job_service; the docs have the line"),
    ("alonechat", "python -m AloneChat server", "serves until it is stopped; test_L7 starts it"),
    ("chainner", '"/path/to/logs"', "stands for a directory of one's own; test_H2 names one"),
)
# Serve until they are stopped: document, the command's beginning, what the log says when it serves.
SERVING = (("ami-backend", "./start_server.sh", "Starting server on port"),)
# What the snippets take for granted.
SURROUNDINGS = {
    "alonechat": """
        import logging
        from AloneChat.core.logging import auto_configure, get_logger
        from AloneChat.core.server import UnifiedWebSocketManager
        auto_configure()
        logger, manager = get_logger(__name__), UnifiedWebSocketManager()
        class db: execute = staticmethod(lambda query: [query])
        class api: get_data = staticmethod(lambda: "data")
        def risky_operation(): raise ValueError("risky")
        query, username, ip_address, req_id, user_id, duration, password = "q", "ann", "::1", "r1", 7, 0.1, "hunter2"
    """,
    "clipizi": """
        from api.config.logging import get_auth_logger
        logger = get_auth_logger()
        risky_operation = lambda: 7
        user_id, project_id, project_type, job_id, params, password = 1, 2, "song", 3, {"a": 1}, "hunter2"
    """,
}


def snippets() -> list[tuple[str, str, str]]:
    """Document, language and text of each snippet."""
    return [
        (document, language, text)
        for document in SYSTEMS
        if SEEDS.is_dir()
        for language, text in re.findall(
            r"^```(\w+)\n(.*?)^```", (SEEDS / f"{document}.md").read_text(), re.MULTILINE | re.DOTALL
        )
    ]


def why_not(document: str, text: str) -> str:
    return next((why for name, part, why in NOT_RUN if name == document and part in text), "")


def name(value: str) -> str:
    return re.sub(r"\W+", "-", value.strip())[:40]


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents are not here")
@pytest.mark.parametrize(
    ("document", "text"), [(document, text) for document, kind, text in snippets() if kind == "python"], ids=name
)
def test_python_as_printed(document: str, text: str, tmp_path: Path) -> None:
    if why := why_not(document, text):
        pytest.skip(why)
    system = SYSTEMS[document]
    if system == "ai_platform":
        parts = [snippet for name_, kind, snippet in snippets() if name_ == document and kind == "yaml"]
        (tmp_path / "config.yml").write_text("\n".join(parts))
    (tmp_path / "snippet.py").write_text(text)
    surroundings = textwrap.dedent(SURROUNDINGS.get(system, ""))
    run = f"{surroundings}\nimport runpy\nrunpy.run_path('snippet.py', globals())"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=tmp_path, env=environment(system),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    logged = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    if "logged in with password {password}" not in text:  # bare words in an f-string: cannot be told from prose
        assert "hunter2" not in done.stderr + logged


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents are not here")
@pytest.mark.parametrize(
    ("document", "text"),
    [
        # Parted by blank lines and comments: each is one thing to do.
        (document, part)
        for document, kind, text in snippets()
        if kind == "bash"
        for part in re.split(r"\n\s*\n|^#.*\n", text, flags=re.MULTILINE)
        if part.strip()
    ],
    ids=name,
)
def test_shell_as_printed(document: str, text: str, tmp_path: Path) -> None:
    if why := why_not(document, text):
        pytest.skip(why)
    system = SYSTEMS[document]
    found = {**environment(system), "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:randomly", "PYTHONWARNINGS": ""}
    found["PATH"] = f"{Path(sys.executable).parent}:{found['PATH']}"
    if system == "clipizi":
        program = (
            "from api.config.logging import get_job_logger\n"
            "get_job_logger().error('Authentication failed for %s', 'ann')"
        )
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=found, check=True, capture_output=True)
    (tmp_path / "logs").mkdir(exist_ok=True)
    for name_, command, word in SERVING:
        if document == name_ and text.startswith(command):
            shutil.copytree(EXAMPLES / system, tmp_path, dirs_exist_ok=True)
            serve(text, tmp_path, found, word)
            return
    where = EXAMPLES / "chainner" if system == "chainner" else tmp_path
    done = subprocess.run(
        ["sh", "-c", text], cwd=where, env=found, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def serve(command: str, folder: Path, environ: dict[str, str], word: str) -> None:
    """Run a server until its log says that it serves, then interrupt it."""
    # Who runs the tests in the background has interrupts ignored, and so would the server.
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    with subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=folder, env=environ, preexec_fn=heard) as server:  # noqa: PLW1509
        try:
            wait_until(lambda: any(word in log.read_text() for log in (folder / "logs").glob("*.log")), "not served")
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents are not here")
def test_the_documented_configuration_is_understood_whole(tmp_path: Path) -> None:
    from cordwood.config import resolve

    parts = [text for document, kind, text in snippets() if kind == "yaml"]
    (tmp_path / "config.yml").write_text("\n".join(parts))
    found = resolve("config.yml", preset="ai_platform", environ={})
    assert found.faults == ()
    config = found.config
    assert (config.level, config.database.enabled, config.database.retention_days) == ("DEBUG", True, 365)
    assert (config.database.host, config.database.port, config.database.table_prefix) == (
        "postgres",
        5432,
        "myopenaiapi",
    )
    assert config.component_levels["models"] == "WARNING"
