"""What the documentation says is tried: blocks run, links lead somewhere, numbers agree with the code."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import click
import cordwood
import pytest
from cordwood.config import resolve
from cordwood.views.cli import main as cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = {"python", "console", "yaml", "toml"}
SHOWN = {"text", ""}  # layouts, signatures, other programs' files
NOT_RUN = 5  # blocks that could run and say why they do not


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    excuse: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    fence = re.compile(r"(?:<!-- not run: ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in fence.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(str(page.relative_to(ROOT)), line, found[2], found[3], found[1] or "")


BLOCKS = list(blocks())


def runnable(language: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.language == language and not block.excuse]
    assert chosen
    return pytest.mark.parametrize("block", chosen, ids=str)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CORDWOOD_")}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_every_block_is_of_a_language_that_is_run_or_only_shown() -> None:
    assert {block.language for block in BLOCKS} <= RUN | SHOWN
    assert len([block for block in BLOCKS if block.excuse]) == NOT_RUN


@runnable("python")
def test_a_python_block_runs_as_it_stands(block: Block, tmp_path: Path) -> None:
    script = tmp_path / "test_block.py"
    script.write_text(block.text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # else pytest looks further up
    tests = "def test_" in block.text
    how = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if tests else ["-W", "error"]
    done = run([sys.executable, *how, script.name], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith(("cordwood: ", "Exception ignored"))]
    assert not said


@runnable("console")
def test_a_command_does_what_it_should(block: Block, tmp_path: Path) -> None:
    fill = "import cordwood; cordwood.configure(log_dir='logs', console_output=False, files='app.log');"
    assert run([sys.executable, "-c", f"{fill} cordwood.get_logger('shop').info('paid')"], tmp_path).returncode == 0
    for line in block.text.splitlines():
        done = run(["sh", "-c", line.removeprefix("$ ")], tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@runnable("yaml")
def test_a_yaml_block_is_a_configuration_without_faults(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(block.text, encoding="utf-8")
    assert resolve(path).faults == ()


@runnable("toml")
def test_a_toml_block_is_a_configuration_without_faults(block: Block, tmp_path: Path) -> None:
    if sys.version_info < (3, 11):
        pytest.importorskip("tomli")
    path = tmp_path / "pyproject.toml"
    path.write_text(block.text, encoding="utf-8")
    assert resolve(path).faults == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"[`$] ?make ([a-z]+)", text)) <= verbs
    assert set(re.findall(r"[`$] ?cordwood ([a-z]+)", text)) <= set(cli.list_commands(click.Context(cli)))
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    for extra in re.findall(r"cordwood\[(\w+)\]", text):
        assert f"\n{extra} = [" in extras


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


def anchors(page: Path) -> set[str]:
    """The headings as a forge makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    for name, text in script("docs/make_reference.py").pages().items():
        committed = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert committed == text, f"type: python docs/make_reference.py ({name})"


def test_every_public_name_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "names.md").read_text(encoding="utf-8")
    for name in cordwood.__all__:
        assert f"\n## {name}\n" in page
        assert getattr(cordwood, name).__doc__


@pytest.mark.parametrize("name", script("docs/pictures.py").SCENES)
def test_a_picture_shows_what_is_printed_today(name: str) -> None:
    pictures = script("docs/pictures.py")

    def words(svg: str) -> str:
        return re.sub(r"\d+", "0", html.unescape(re.sub(r"<[^>]*>|\n", "", svg)))

    committed = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    assert ET.fromstring(committed).tag.endswith("svg")
    assert words(committed) == words(pictures.svg(name, pictures.screen(name))), f"type: python docs/pictures.py {name}"
    shown = [page for page in PAGES if f"pictures/{name}.svg)" in page.read_text(encoding="utf-8")]
    assert shown, "a picture belongs to a page"


def test_the_figures_fill_their_section_of_the_readme_and_no_more() -> None:
    figures = script("scripts/readme_figures.py")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    body = figures.section("# Figures\n\nMeasured.\n\n| what |\n|---|\n| 1 |\n\n## More\n\n| no |\n")
    once = figures.filled(readme, body)
    assert body == "Measured.\n\n| what |\n|---|\n| 1 |"
    assert body in once
    assert "| no |" not in once
    assert figures.filled(once, body) == once
    assert once.partition(figures.BEGIN)[0] == readme.partition(figures.BEGIN)[0]
    assert once.partition(figures.END)[2] == readme.partition(figures.END)[2]
    with pytest.raises(ValueError, match="markers"):
        figures.filled("no markers", body)
