"""Where settings come from: arguments > environment > file > preset.

An argument that cannot be used raises. A wrong value in the environment or a file becomes a `Fault` and the value of
the next source is used, because an application must start even so.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping

from cordwood.config import files
from cordwood.config.files import Document, Keys
from cordwood.config.model import DatabaseConfig, LogConfig, Settings, unknown
from cordwood.config.presets import PRESETS
from cordwood.errors import ConfigError, CordwoodError, closest
from cordwood.plain import Frozen

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


class Fault(Frozen):
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


class Resolved(Frozen):
    """A configuration with its history.

    Args:
        config: the settings.
        origins: for each of them, dotted, where its value came from.
        faults: what could not be used.
        file: the configuration file, if there is one.
    """

    config: LogConfig
    origins: dict[str, str]
    faults: tuple[Fault, ...]
    file: str | None = None


def resolve(
    source: str | os.PathLike[str] | LogConfig | None = None,
    *,
    preset: str | LogConfig | None = None,
    settings: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    variable: str = PRESET_VARIABLE,
) -> Resolved:
    """Put the settings together.

    Args:
        source: a file's path, a preset's name, or a `LogConfig` (its values that differ from the defaults count as
            arguments); None: the preset that CORDWOOD_ENV names, else `development`.
        preset: the preset to start from, by name or as an application's own.
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
    document = stack.read(source) if isinstance(source, str) else Document()
    stack.start(preset, (variable, named), document.settings, fallback="development" if source is None else "default")
    stack.offer_file(str(source), document, environ)
    for name, variable_path, written in _variables(environ):
        stack.offer(variable_path, written, name)
    arguments = _differing(source) if isinstance(source, LogConfig) else {}
    given = {path: value for path, value, _ in _walk(settings or {})}
    for path, value in {**arguments, **given}.items():
        stack.set(path, value, "argument")
    return Resolved(stack.config, stack.origins, tuple(stack.faults), source if isinstance(source, str) else None)


def _sort_out(
    source: str | os.PathLike[str] | LogConfig | None, preset: str | LogConfig | None
) -> tuple[str | LogConfig | None, str | LogConfig | None]:
    """Tell a preset's name from a file's path."""
    if isinstance(preset, str) and preset not in PRESETS:
        raise _no_preset(preset)
    if source is None or isinstance(source, LogConfig):
        return source, preset
    if not isinstance(source, str | os.PathLike):
        raise ConfigError("config", f"{source!r} is not a configuration", "a path, a preset's name or a LogConfig")
    name = os.fspath(source)
    if not isinstance(source, str) or os.sep in name or os.path.splitext(name)[1].lower() in _FILE_ENDINGS:
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
        self, preset: str | LogConfig | None, variable: tuple[str, str], section: Mapping[str, object], *, fallback: str
    ) -> None:
        """Take the first preset there is: as an argument, in the variable, in the file; else the fallback."""
        if isinstance(preset, LogConfig):
            self._begin(copy.deepcopy(preset), "preset")
            return
        where, named = variable if variable[1] else ("the file's preset", str(section.get("preset", fallback)))
        name = preset or named
        if name not in PRESETS:
            self.faults.append(Fault(where, "preset", str(_no_preset(name)), f"preset {fallback!r}"))
            name = fallback
        self._begin(PRESETS[name](), f"preset {name}")

    def _begin(self, config: LogConfig, origin: str) -> None:
        self.config = config
        self.origins = dict.fromkeys(_names(), "default")
        for path in _differing(config):
            self.origins[".".join(path)] = origin

    def read(self, name: str) -> Document:
        """A file; what is wrong with it as a whole becomes a fault."""
        from pathlib import Path

        try:
            return files.read(Path(name))
        except (OSError, CordwoodError) as error:
            message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.faults.append(Fault(name, "", message, "defaults", getattr(error, "line", None)))
        return Document()

    def offer_file(self, name: str, document: Document, environ: Mapping[str, str]) -> None:
        """Set what a file says."""
        settings = list(_walk(document.settings))
        # A section that other programs read too: what is no setting of ours is theirs, unless it is nearly one.
        settings += [
            (("database", key), value, ("database", key))
            for key, value in document.database.items()
            if key in DatabaseConfig.plain_fields or closest(key, DatabaseConfig.plain_fields)
        ]
        for path, value, written in settings:
            self.offer(path, value, name, document.lines.get(written), environ, document.lines)

    def offer(
        self,
        path: Keys,
        value: object,
        source: str,
        line: int | None = None,
        environ: Mapping[str, str] | None = None,
        lines: Mapping[Keys, int] | None = None,
    ) -> None:
        """Set a value of a file or the environment, or note why not."""
        where = source if line is None else f"{source}:{line}"
        try:
            self.set(path, value if environ is None else files.expand(".".join(path), value, environ), where)
        except ConfigError as error:
            field = ".".join(path)
            try:
                used = _shown(_get(self.config, path))
            except (AttributeError, KeyError):
                used = "the settings without it"
            line = (lines or {}).get(tuple(error.field.split(".")), line)
            self.faults.append(Fault(source, field, str(error), used, line))

    def set(self, path: Keys, value: object, source: str) -> None:
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


def _shown(value: object) -> str:
    """A value in few words."""
    if isinstance(value, Settings):
        return "the settings there were"
    if isinstance(value, tuple):
        return ", ".join(str(getattr(one, "name", one)) for one in value) or "none"
    return repr(value)


def _as_level(value: object) -> str | int:
    return value if isinstance(value, (str, int)) else str(value)


def _get(config: LogConfig, path: Keys) -> object:
    head, *rest = path
    value: object = getattr(config, head)
    if rest and isinstance(value, Mapping):
        return value[".".join(rest)]
    return getattr(value, rest[0]) if rest else value


def _walk(settings: Mapping[str, object], above: Keys = ()) -> Iterator[tuple[Keys, object, Keys]]:
    """Single settings out of nested mappings, and where each was written; `preset` is read before and no setting."""
    for name, value in settings.items():
        written = (*above, str(name))
        path = _ALIASES.get(written, written)
        if above and above[0] == "components":
            path = ("component_levels", str(name))
        if path == ("console", "format") and "%(" in str(value):
            path = ("console", "format_string")
        nests = path == ("component_levels",) or isinstance(getattr(LogConfig(), path[0], None), Settings)
        if isinstance(value, Mapping) and nests and len(path) == 1:
            yield from _walk(value, written)
        elif path != ("preset",):
            yield path, value, written


def _names() -> Iterator[str]:
    """All settings, dotted."""
    for name, value in vars(LogConfig()).items():
        if isinstance(value, Settings):
            yield from (f"{name}.{inner}" for inner in vars(value))
        else:
            yield name


def _differing(config: LogConfig) -> dict[Keys, object]:
    """The values of a configuration that are not the defaults."""
    found: dict[Keys, object] = {}
    for name, default in vars(LogConfig()).items():
        value = getattr(config, name)
        if isinstance(value, Settings):
            for inner, usual in vars(default).items():
                if getattr(value, inner) != usual:
                    found[name, inner] = getattr(value, inner)
        elif value != default:
            found[(name,)] = value
    return found


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, Keys, str]]:
    """CORDWOOD_LEVEL, CORDWOOD_CONSOLE__STREAM, CORDWOOD_COMPONENT_LEVELS__uvicorn; an empty one counts as unset."""
    for variable in sorted(environ):
        value = environ[variable]
        if variable.startswith(PREFIX) and variable not in _SETTING_LESS and value:
            path = tuple(part.lower() if part.isupper() else part for part in variable[len(PREFIX) :].split("__"))
            yield variable, path, value
