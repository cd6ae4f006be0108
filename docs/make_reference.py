"""Writes docs/reference/ from the code: `python docs/make_reference.py`. A test compares it with what is committed."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
import cordwood
from cordwood.config import PRESETS
from cordwood.config.model import Settings
from cordwood.views.cli import main as cli

FOLDER = Path(__file__).parent / "reference"
SECTIONS = (
    cordwood.LogConfig,
    cordwood.FileConfig,
    cordwood.SinkConfig,
    cordwood.ConsoleConfig,
    cordwood.SpoolConfig,
    cordwood.RedactionConfig,
    cordwood.RetentionConfig,
    cordwood.DatabaseConfig,
)
_MEGABYTE = 1024 * 1024
_WRITTEN = "<!-- Written by docs/make_reference.py from the code; a change there comes here by running it. -->"


def pages() -> dict[str, str]:
    """File name → text."""
    found = {"settings.md": settings(), "names.md": names(), "commands.md": commands()}
    return {name: f"{_WRITTEN}\n\n{text.rstrip()}\n" for name, text in found.items()}


def settings() -> str:
    """Every setting: type, default, meaning."""
    parts = [
        "# Settings",
        "The fields of `LogConfig` and of its parts. `None` in a `FileConfig` or `ConsoleConfig` means as in the\n"
        '`LogConfig`. Sizes may be text such as `"10 MB"`, levels any case, modes text in octal such as `"0640"`.\n'
        "How they are given: [guide](../guide.md#configure). In the environment: `CORDWOOD_` and the name in\n"
        "capitals, nested with `__`, such as `CORDWOOD_CONSOLE__STREAM`.",
    ]
    parts += [f"## {section.__name__}\n\n{_first(section)}\n\n{_table(section)}" for section in SECTIONS]
    presets = "\n".join(f"| `{name}` | {_first(make)} |" for name, make in PRESETS.items())
    parts.append(f"## Presets\n\n| name | gives |\n|---|---|\n{presets}")
    return "\n\n".join(parts)


def _table(section: type[Settings]) -> str:
    meanings = {name: f"as `{name}` of `LogConfig`" for name in arguments(cordwood.LogConfig)} | arguments(section)
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for field in dataclasses.fields(section):
        shown = str(field.type).replace("|", "\\|")
        lines.append(f"| `{field.name}` | `{shown}` | {_default(section, field.name)} | {meanings[field.name]} |")
    return "\n".join(lines)


def arguments(thing: object) -> dict[str, str]:
    """The names and texts below `Args:` of a docstring."""
    _, _, below = (inspect.getdoc(thing) or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in below.splitlines():
        begun = re.match(r"    (\w+): (.*)", line)
        if not line.startswith("    "):
            break
        if begun:
            name, found[begun[1]] = begun[1], begun[2]
        else:
            found[name] += f" {line.strip()}"
    return {name: text.replace("|", "\\|") for name, text in found.items()}


def _default(section: type[Settings], name: str) -> str:
    field = section.__dataclass_fields__[name]
    if field.default is field.default_factory is dataclasses.MISSING:
        return "needed"
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if isinstance(value, Settings):
        return f"[`{type(value).__name__}()`](#{type(value).__name__.lower()})"
    if isinstance(value, tuple) and value and isinstance(value[0], cordwood.FileConfig):
        return f'`("{value[0].name}",)`'
    if name == "file_mode" and isinstance(value, int):
        return f"`{value:#o}`"
    if isinstance(value, int) and not isinstance(value, bool) and value and value % _MEGABYTE == 0:
        return f"{value // _MEGABYTE} MB"
    return f"`{value!r}`"


def _first(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def names() -> str:
    """Every public name with its docstring."""
    parts = ["# Public names\n\nAll that `import cordwood` offers. Settings have a [page of their own](settings.md)."]
    for name in cordwood.__all__:
        thing = getattr(cordwood, name)
        parts.append(f"## {name}\n\n{_signature(name, thing)}{_body(thing)}")
        if thing is cordwood.Record:
            parts.append("\n".join(f"- `{field.name}`: `{field.type}`" for field in dataclasses.fields(thing)))
        if thing is cordwood.LoggingManager:
            parts.append("**Methods**\n" + "".join(_methods(thing)))
    return "\n\n".join(parts)


def _signature(name: str, thing: object) -> str:
    if inspect.isclass(thing) and (issubclass(thing, (Settings, Exception)) or thing is cordwood.Record):
        return ""
    try:
        shown = str(inspect.signature(thing))  # type: ignore[arg-type]  # a class or a function
    except (TypeError, ValueError):
        return ""
    if inspect.isclass(thing):
        shown = shown.partition(" -> ")[0]
    shown = re.sub(r"(: |-> )'([^']*)'", r"\1\2", shown)
    return f"```text\n{name}{shown}\n```\n\n"


def _body(thing: object) -> str:
    """A docstring as Markdown: its examples as code, its arguments as a list."""
    if inspect.isclass(thing) and issubclass(thing, Settings):
        return f"{_first(thing)} See [settings](settings.md#{thing.__name__.lower()})."
    text = inspect.getdoc(thing) or ""
    same = re.search(r"; as `LoggingManager\.(\w+)`", text)
    if same:
        text = inspect.getdoc(getattr(cordwood.LoggingManager, same[1])) or ""
    parts: list[str] = []
    for paragraph in text.split("\n\n"):
        shown = _paragraph(paragraph)
        if parts and parts[-1].endswith("```") and shown.startswith("```text\n"):
            parts[-1] = parts[-1].removesuffix("```") + "\n" + shown.removeprefix("```text\n")
        else:
            parts.append(shown)
    return "\n\n".join(parts)


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return "```text\n" + "\n".join(line[4:] for line in text.rstrip().splitlines()) + "\n```"
    heading, _, below = text.partition(":\n")
    if heading not in {"Args", "Raises", "Returns", "Attributes"}:
        return text
    items = re.sub(r"\n {8,}", " ", below).splitlines()
    named = [re.sub(r"^    ([\w, ]+): ", r"- `\1`: ", item) for item in items]
    return f"**{heading}**\n\n" + "\n".join(item if item.startswith("-") else f"- {item.strip()}" for item in named)


def _methods(thing: object) -> Iterator[str]:
    """The public methods of a class."""
    for name, method in inspect.getmembers(thing, inspect.isfunction):
        if not name.startswith("_"):
            yield f"\n- `{name}()`: {_first(method)}"


def commands() -> str:
    """Every command with what it takes."""
    parts = [
        "# Commands",
        "Status 0 is well, 1 is trouble that was found, 2 is bad input. `cordwood COMMAND -h` shows the same.",
    ]
    top = click.Context(cli)
    for name in cli.list_commands(top):
        command = cli.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name)
        usage = " ".join(["cordwood", name, *command.collect_usage_pieces(context)])
        options = [param for param in command.params if isinstance(param, click.Option)]
        records = [record for option in options if (record := option.get_help_record(context))]
        lines = [f"- `{option}`: {' '.join(text.split())}" for option, text in records]
        parts.append(f"## cordwood {name}\n\n```text\n{usage}\n```\n\n{_command_text(command)}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _command_text(command: click.Command) -> str:
    """A command's help as Markdown: what click leaves as it is, because a backspace stands above it, is code."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(
        f"```text\n{textwrap.dedent(text[2:])}\n```" if text.startswith("\b\n") else text for text in paragraphs
    )


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
