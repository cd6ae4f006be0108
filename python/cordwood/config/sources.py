"""Where settings come from: arguments > environment > file > preset.

An argument that cannot be used raises. A wrong value in the environment or a file becomes a `Fault` and the value of
the next source is used, because an application must start even so.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from cordwood.config.model import LogConfig, Settings, unknown
from cordwood.config.presets import PRESETS
from cordwood.errors import ConfigError, CordwoodError, MissingExtraError, closest

PREFIX = "CORDWOOD_"
PRESET_VARIABLE = "CORDWOOD_ENV"
_SETTING_LESS = frozenset({PRESET_VARIABLE, "CORDWOOD_FAILPOINT"})
_FILE_ENDINGS = frozenset({".yml", ".yaml", ".toml"})
# Names of `logging:` sections written for other programs.
_ALIASES = {
    ("components",): ("component_levels",),
    ("console", "enabled"): ("console_output",),
    ("console", "color"): ("console", "colour"),
}

Path_ = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Fault:
    """A value of a file or the environment that could not be used.

    Args:
        source: the file's path, or the variable's name.
        field: the setting, empty where the whole source is meant.
        message: what is wrong.
        used: what is used instead.
        line: in the file, from 1.
    """

    source: str
    field: str
    message: str
    used: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{where}: {self.message}; using {self.used}"


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A configuration with its history: `origins` tells for each setting, dotted, where its value came from."""

    config: LogConfig
    origins: dict[str, str]
    faults: tuple[Fault, ...]


def resolve(
    source: str | os.PathLike[str] | LogConfig | None = None,
    *,
    preset: str | None = None,
    settings: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    variable: str = PRESET_VARIABLE,
) -> Resolved:
    """Put the settings together.

    Args:
        source: a file's path, a preset's name, or a `LogConfig` (its values that differ from the defaults count as
            arguments); None: the preset that CORDWOOD_ENV names, else `development`.
        preset: the preset to start from.
        settings: single settings, as arguments.
        environ: the environment; None is the process's own.
        variable: the environment variable that names the preset.

    Raises:
        ConfigError: an argument cannot be used.
    """
    environ = os.environ if environ is None else environ
    source, preset = _sort_out(source, preset)
    stack = _Stack()
    named = "" if isinstance(source, LogConfig) else environ.get(variable, "")
    section: Mapping[str, object] = {}
    if isinstance(source, str):
        section = stack.read(source)
    stack.start(preset, (variable, named), section, fallback="development" if source is None else "default")
    for path, value in _walk(section):
        stack.offer(path, value, str(source))
    for name, path, value in _variables(environ):
        stack.offer(path, value, name)
    arguments = _differing(source) if isinstance(source, LogConfig) else {}
    for path, value in {**arguments, **dict(_walk(settings or {}))}.items():
        stack.set(path, value, "argument")
    return Resolved(stack.config, stack.origins, tuple(stack.faults))


def _sort_out(
    source: str | os.PathLike[str] | LogConfig | None, preset: str | None
) -> tuple[str | LogConfig | None, str | None]:
    """Tell a preset's name from a file's path."""
    if preset is not None and preset not in PRESETS:
        raise _no_preset(preset)
    if source is None or isinstance(source, LogConfig):
        return source, preset
    if not isinstance(source, str | os.PathLike):
        raise ConfigError("config", f"{source!r} is not a configuration", "a path, a preset's name or a LogConfig")
    name = os.fspath(source)
    if not isinstance(source, str) or os.sep in name or Path(name).suffix.lower() in _FILE_ENDINGS:
        return name, preset
    if name not in PRESETS:
        raise _no_preset(name)
    if preset is not None:
        raise ConfigError("preset", f"{name!r} and {preset!r} are both named", "one preset")
    return None, name


def _no_preset(name: str) -> ConfigError:
    allowed = f"{', '.join(PRESETS)}, or the path of a .yml, .yaml or .toml file"
    return ConfigError("preset", f"there is no preset {name!r}", allowed, closest(name, PRESETS))


class _Stack:
    """The configuration as it grows from the lowest source to the highest."""

    def __init__(self) -> None:
        self.config = LogConfig()
        self.origins: dict[str, str] = {}
        self.faults: list[Fault] = []

    def start(
        self, preset: str | None, variable: tuple[str, str], section: Mapping[str, object], *, fallback: str
    ) -> None:
        """Take the first preset that is named: as an argument, in the variable, in the file; else the fallback."""
        where, named = variable if variable[1] else ("the file's preset", str(section.get("preset", fallback)))
        name = preset or named
        if name not in PRESETS:
            self.faults.append(Fault(where, "preset", str(_no_preset(name)), f"preset {fallback!r}"))
            name = fallback
        self.config = PRESETS[name]()
        self.origins = dict.fromkeys(_names(), "default")
        for path in _differing(self.config):
            self.origins[".".join(path)] = f"preset {name}"

    def read(self, name: str) -> Mapping[str, object]:
        """The settings of a file; what is wrong with the file as a whole becomes a fault."""
        try:
            return _load(Path(name))
        except (OSError, ValueError, CordwoodError) as error:
            line = getattr(getattr(error, "problem_mark", None), "line", None)
            message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.faults.append(Fault(name, "", message, "defaults", None if line is None else line + 1))
        return {}

    def offer(self, path: Path_, value: object, source: str) -> None:
        """Set a value of a file or the environment, or note why not."""
        try:
            self.set(path, value, source)
        except ConfigError as error:
            field = ".".join(path)
            try:
                used = f"{_get(self.config, path)!r}"
            except (AttributeError, KeyError):
                used = "the settings without it"
            self.faults.append(Fault(source, field, str(error), used))

    def set(self, path: Path_, value: object, source: str) -> None:
        """Set a value, checked by its field.

        Raises:
            ConfigError: the value or the field cannot be used.
        """
        head, *rest = path
        if not rest:
            setattr(self.config, head, value)
        elif head == "component_levels":
            self.config.component_levels = {**self.config.component_levels, ".".join(rest): _as_level(value)}
        else:
            section = getattr(self.config, head, None)
            if not isinstance(section, Settings):
                raise unknown(".".join(path), LogConfig)
            if len(rest) > 1:
                raise unknown(".".join(path), type(section))
            setattr(section, rest[0], value)
        self.origins[".".join(path)] = source


def _as_level(value: object) -> str | int:
    return value if isinstance(value, (str, int)) else str(value)


def _get(config: LogConfig, path: Path_) -> object:
    head, *rest = path
    value: object = getattr(config, head)
    if rest and isinstance(value, Mapping):
        return value[".".join(rest)]
    return getattr(value, rest[0]) if rest else value


def _walk(settings: Mapping[str, object], above: Path_ = ()) -> Iterator[tuple[Path_, object]]:
    """Single settings out of nested mappings; `preset` is read before and not a setting."""
    for name, value in settings.items():
        path = (*above, str(name))
        path = _ALIASES.get(path, path)
        if path == ("console", "format") and "%(" in str(value):
            path = ("console", "format_string")
        nests = path == ("component_levels",) or isinstance(getattr(LogConfig(), path[0], None), Settings)
        if isinstance(value, Mapping) and nests and len(path) == 1:
            yield from _walk(value, path)
        elif path != ("preset",):
            yield path, value


def _names() -> Iterator[str]:
    """All settings, dotted."""
    for name, value in vars(LogConfig()).items():
        if isinstance(value, Settings):
            yield from (f"{name}.{inner}" for inner in vars(value))
        else:
            yield name


def _differing(config: LogConfig) -> dict[Path_, object]:
    """The values of a configuration that are not the defaults."""
    found: dict[Path_, object] = {}
    for name, default in vars(LogConfig()).items():
        value = getattr(config, name)
        if isinstance(value, Settings):
            for inner, usual in vars(default).items():
                if getattr(value, inner) != usual:
                    found[name, inner] = getattr(value, inner)
        elif value != default:
            found[(name,)] = value
    return found


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, Path_, str]]:
    """CORDWOOD_LEVEL, CORDWOOD_CONSOLE__STREAM, CORDWOOD_COMPONENT_LEVELS__uvicorn; an empty one counts as unset."""
    for variable in sorted(environ):
        value = environ[variable]
        if variable.startswith(PREFIX) and variable not in _SETTING_LESS and value:
            path = tuple(part.lower() if part.isupper() else part for part in variable[len(PREFIX) :].split("__"))
            yield variable, path, value


def _load(path: Path) -> Mapping[str, object]:
    """The `logging:` section of a YAML file, or `[tool.cordwood]` of a TOML file."""
    toml = path.suffix.lower() == ".toml"
    document = _read_toml(path) if toml else _read_yaml(path)
    for key in ("tool", "cordwood") if toml else ("logging",):
        document = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping):
        wanted = "[tool.cordwood] table" if toml else "`logging:` section"
        raise ConfigError("", f"there is no {wanted} in it")
    return document


def _read_yaml(path: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        problem = ConfigError("", f"it is not YAML: {getattr(error, 'problem', None) or error}")
        problem.problem_mark = getattr(error, "problem_mark", None)  # type: ignore[attr-defined]
        raise problem from None


def _read_toml(path: Path) -> object:
    try:
        toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading TOML on Python 3.10", "pip install tomli") from None
    return toml.loads(path.read_text(encoding="utf-8"))
