"""ARCHITECTURE.md's numbers, modules and layers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "crates" / "core" / "src"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def source(name: str) -> str:
    """The text of a module of the core, whichever part it stands in."""
    (path,) = [*CORE.glob(f"{name}.rs"), *CORE.glob(f"*/{name}.rs")]
    return path.read_text(encoding="utf-8")


def modules(path: Path) -> list[str]:
    """What a file declares that is not for tests alone."""
    return re.findall(r"^pub mod (\w+);", path.read_text(encoding="utf-8"), re.MULTILINE)


def constant(module: str, name: str) -> int:
    """An integer constant of the core, computed where it is a shift."""
    found = re.search(rf"const {name}: \w+ = (\d+)(?: << (\d+))?;", source(module))
    assert found is not None, f"{module}.rs has no constant {name}"
    return int(found[1]) << int(found[2] or 0)


def section(heading: str) -> str:
    """The text below a heading that begins so."""
    found = re.search(rf"^#+ {re.escape(heading)}.*?(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[0]


def first_cells(text: str) -> list[int]:
    """The offsets a table's rows begin with."""
    return [int(number) for row in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE) for number in row.split(",")]


def test_a_segments_layout() -> None:
    text = section("Segment")
    assert f"header of {constant('segment', 'HEADER')} bytes, version {constant('segment', 'VERSION')}\n" in text
    offsets = first_cells(text)
    for name in ("SINKS", "STATIC", "ORDINAL", "SEALED", "COUNTING", "POSITIONS", "HEADER"):
        assert constant("segment", name) in offsets
    most = constant("segment", "MAX_SINKS")
    assert f"positions, {most} \u00d7 u64" in text
    positions = constant("segment", "POSITIONS")
    assert f"| {positions + most * 8} | accepted, {most} \u00d7 u64" in text
    assert f"| {positions + most * 16} | accounts, {most} \u00d7 (" in text
    assert f"identities of the sinks, {most} \u00d7 u64" in text
    puts = [int(at) for at in re.findall(r"put\((\d+), ", source("segment"))]
    assert {at for at in offsets if at < 256} <= set(puts)
    assert f"begin with {constant('spool', 'SMALLEST')} bytes" in text
    assert f"up to {constant('spool', 'LARGEST')}," in text


def test_a_frames_layout() -> None:
    text = section("Frame")
    assert f"header of {constant('frame', 'HEADER')} bytes, version {constant('frame', 'VERSION')}, " in text
    assert f"begins with {constant('frame', 'HEAD')} bytes" in text
    kinds = dict(re.findall(r"^    (Record|Site|Thread) = (\d),$", source("frame"), re.MULTILINE))
    assert f"{kinds['Record']} record, {kinds['Site']} call site, {kinds['Thread']} thread" in text
    flags = [int(value) for value in re.findall(r"^pub const [A-Z_]+: u8 = (\d+);", source("frame"), re.MULTILINE)]
    assert first_cells(text.partition("| flag |")[2]) == flags


def test_the_control_pages_layout() -> None:
    text = section("Control page")
    assert f"Control page: {constant('control', 'SIZE')} bytes" in text
    words = re.findall(r"pub fn (\w+)\(&self.*\{\n        self\.map\.word(\d+)\((\d+)", source("control"))
    assert [name for name, _, _ in words] == [
        "leader_format",
        "sleeping", "segments", "sinks", "freed", "handover", "leader", "bytes", "beat", "waited_until", "dropped",
        "counted",
    ]  # fmt: skip
    assert first_cells(text)[1:] == [int(at) for _, _, at in words]
    reasons = re.findall(r'\("(\w+)", Reason::', source("control"))
    assert f"u64 each: {', '.join(reasons)} |" in text


def test_an_outboxs_layout() -> None:
    text = section("Outbox")
    slot, version = constant("outbox", "SLOT"), constant("outbox", "VERSION")
    assert f"Outbox: two slots of {slot} bytes, version {version}" in text
    assert f"up to {constant('outbox', 'MAX_CURSORS')} \u00d7 (segment u64, position u64)" in text
    assert first_cells(text)[-1] == constant("outbox", "CURSORS")
    puts = {0, *(int(at) for at in re.findall(r"put\((\d+), ", source("outbox")))}
    assert set(first_cells(text)[:-1]) <= puts


def test_the_ledgers_layout() -> None:
    text = section("Ledger")
    slot, version = constant("ledger", "SLOT"), constant("ledger", "VERSION")
    assert f"Ledger: two slots of {slot} bytes, version {version}" in text
    assert f"| {constant('ledger', 'ROWS')} | rows, {constant('ledger', 'ROW')} bytes each |" in text
    assert set(first_cells(text)[1:-1]) <= {int(at) for at in re.findall(r"put\((\d+), ", source("ledger"))}
    losses = re.search(r"LOSSES: \[&str; \d\] = \[(.*)\];", source("account"))
    assert losses is not None
    assert f"dropped, u64 each: {losses[1].replace(chr(34), '')}." in text.replace("\n", " ")


def test_the_bounds_that_are_named() -> None:
    making = (CORE / "spool" / "shared" / "making.rs").read_text(encoding="utf-8")
    wait = re.search(r"const PATIENCE: Duration = Duration::from_millis\((\d+)\)", making)
    look = re.search(r"const FOLLOW: Duration = Duration::from_millis\((\d+)\)", source("worker"))
    exits = re.search(r"EXIT_TIMEOUT = ([\d.]+)", (ROOT / "python/cordwood/pipeline/manager.py").read_text("utf-8"))
    assert wait
    assert look
    assert exits
    assert f"waits at most {wait[1]} ms" in PAGE
    assert f"every\n{look[1]} ms" in PAGE
    assert f"at most {float(exits[1]):g} seconds" in PAGE


def in_order() -> list[str]:
    """Every module of the core, as `part` or `part/module`, each part before its modules."""
    parts = modules(CORE / "lib.rs")
    below = {part: modules(CORE / f"{part}.rs") if (CORE / part).is_dir() else [] for part in parts}
    return [name for part in parts for name in (part, *(f"{part}/{module}" for module in below[part]))]


def test_the_map_names_every_module_in_the_cores_order() -> None:
    tree = section("The tree").partition("crates/core/src/")[2].partition("crates/py/src/")[0]
    named: list[str] = []
    for line in tree.splitlines()[1:-1]:
        part, words, *_ = re.split(r"\s{3,}", line.strip())
        named += [part.rstrip("/"), *(f"{part}{word}" for word in words.split() if part.endswith("/"))]
    assert [name for name in named if not name.startswith("proofs")] == in_order()


def test_no_module_of_the_core_names_a_later_one() -> None:
    """Its tests may (what stands below `#[cfg(test)]`, and files for tests), and comments."""
    order = in_order()
    later = []
    for place, name in enumerate(order):
        files = [CORE / f"{name}.rs", *(CORE / name).rglob("*.rs")] if "/" in name else [CORE / f"{name}.rs"]
        # A part with a text of its own, as the spool's, stands after its modules.
        known = {*order[: place + 1], *(other for other in order if other.startswith(f"{name}/"))}
        for file in files:
            if {"tests", "fuzz", "properties"} & {*file.parts, file.stem}:
                continue
            text = re.sub(r"//.*", "", file.read_text(encoding="utf-8")).partition("#[cfg(test)]")[0]
            for part, module in re.findall(r"\bcrate::(\w+)(?:::([a-z_]+))?", text):
                named = f"{part}/{module}" if f"{part}/{module}" in order else part
                if named in order and named not in known:
                    later.append(f"{file.relative_to(CORE)} names {named}")
    assert not later


def test_the_layers_are_those_that_lint_checks() -> None:
    checked = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2].partition("]")[0]
    wanted = [re.sub(r"\((?!_native)(\w+)\)", r"\1", line) for line in re.findall(r'"(.+)"', checked)]
    shown = section("The tree").partition("(checked in lint):")[2]
    assert [line.strip() for line in shown.splitlines() if line.startswith("    ")] == wanted
