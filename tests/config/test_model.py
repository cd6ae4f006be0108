"""LogConfig: the documented attributes, and words that name what is wrong."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from cordwood.config import ConsoleConfig, FileConfig, LogConfig
from cordwood.errors import ConfigError


def test_the_nine_documented_attributes_have_the_documented_defaults() -> None:
    assert list(vars(LogConfig()).items())[:9] == [
        ("level", "INFO"),
        ("log_dir", "./logs"),
        ("console_output", True),
        ("file_output", True),
        ("max_bytes", 10 * 1024 * 1024),
        ("backup_count", 5),
        ("format_string", None),
        ("date_format", "%Y-%m-%d %H:%M:%S"),
        ("component_levels", {}),
    ]


def test_three_words_make_a_json_file() -> None:
    config = LogConfig(level="DEBUG", log_dir="logs", format="json")
    assert (config.level, config.log_dir, config.format, config.files) == ("DEBUG", "logs", "json", (FileConfig(),))


@pytest.mark.parametrize(
    ("written", "level"),
    [("debug", "DEBUG"), ("Warn", "WARNING"), ("FATAL", "CRITICAL"), (20, "INFO"), ("40", "ERROR"), (25, 25), (0, 0)],
)
def test_levels_are_names_in_any_case_or_numbers(written: str | int, level: str | int) -> None:
    expected = "NOTSET" if level == 0 else level
    assert LogConfig(level=written).level == expected


@pytest.mark.parametrize(
    ("written", "size"),
    [(0, 0), (1000, 1000), ("10 MB", 10 << 20), ("1.5kB", 1536), ("2 GiB", 2 << 30), ("300", 300), ("5m", 5 << 20)],
)
def test_sizes_are_numbers_or_text_with_a_unit(written: str | int, size: int) -> None:
    assert LogConfig(max_bytes=written).max_bytes == size


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"level": "INFOO"}, "level: 'INFOO' is not a level; allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ({"level": True}, "level: True is not a level"),
        ({"level": -1}, "level: -1 is not a level"),
        ({"max_bytes": "10 XB"}, "max_bytes: '10 XB' is not a size"),
        ({"max_bytes": -1}, "max_bytes: -1 is not a size"),
        ({"max_message_bytes": 0}, "max_message_bytes: 0 leaves nothing of a message; allowed: a size from 256 bytes"),
        ({"backup_count": "many"}, "backup_count: 'many' is not a count"),
        ({"log_dir": None}, "log_dir: None is not a path"),
        ({"log_dir": ""}, "log_dir: '' is not a path"),
        ({"console_output": "maybe"}, "console_output: 'maybe' is neither true nor false"),
        ({"format": "jsn"}, "(did you mean 'json'?)"),
        ({"format": "%(message)s"}, "format: '%(message)s' is a format string, which goes into format_string"),
        ({"format_string": "no attribute"}, "format_string: Invalid format 'no attribute'"),
        ({"format_string": "{message}"}, "allowed: %-style"),
        ({"component_levels": {"a": "LOUD"}}, "component_levels.a: 'LOUD' is not a level"),
        ({"component_levels": 7}, "component_levels: 7 is not a mapping"),
        ({"when": "midnigt"}, "when: 'midnigt' is not a time to rotate; allowed: midnight, day, hour, minute"),
        ({"when": 0}, "when: 0 is not a time to rotate"),
        ({"file_mode": 600}, "file_mode: 600 is not a file mode; allowed: octal permissions"),
        ({"file_mode": 0o400}, "file_mode: 0o400 shuts the owner out; allowed: read and write for the owner"),
        ({"file_group": "no such group"}, "file_group: there is no group 'no such group'"),
        ({"compress": "zip"}, "compress: 'zip' is not known; allowed: gzip, zstd (did you mean 'gzip'?)"),
        ({"files": ["a.log", "a.log"]}, "files: 'a.log' is there twice"),
        ({"files": ["../a.log"]}, "files.name: '../a.log' does not stay below log_dir"),
        ({"files": ["/var/a.log"]}, "does not stay below log_dir"),
        ({"files": [{"nam": "x"}]}, "files.nam: there is no such setting (did you mean 'name'?)"),
        ({"files": 3}, "files: 3 is not a list of files"),
        ({"console": {"stream": "out"}}, "console.stream: 'out' is not known; allowed: stderr, stdout"),
        ({"console": {"theme": {"INFO": "bold gren"}}}, "console.theme.INFO: "),
        ({"console": "yes"}, "console: 'yes' is not a group of settings"),
        ({"spool": {"max_bytes": "lots"}}, "spool.max_bytes: 'lots' is not a size"),
        ({"redaction": {"patterns": ["(?=x)"]}}, "redaction.patterns: '(?=x)': look-around"),
        ({"redaction": {"words": [1]}}, "redaction.words: [1] is not a list of words"),
    ],
)
def test_a_wrong_value_names_field_problem_and_what_is_allowed(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        LogConfig(**settings)  # type: ignore[arg-type]
    assert text in str(raised.value)


def test_a_config_error_is_a_value_error_and_survives_pickling() -> None:
    error = ConfigError("level", "'x' is not a level", "DEBUG", "INFO")
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == "level: 'x' is not a level; allowed: DEBUG (did you mean 'INFO'?)"


def test_a_later_assignment_is_checked_too() -> None:
    config = LogConfig()
    config.level = "debug"
    assert config.level == "DEBUG"
    with pytest.raises(ConfigError, match="max_bytes"):
        config.max_bytes = "a lot"
    with pytest.raises(ConfigError, match=r"levl: there is no such setting \(did you mean 'level'"):
        config.levl = "DEBUG"


def test_files_are_names_mappings_or_file_configs() -> None:
    config = LogConfig(files=["app.log", {"name": "errors.log", "level": "error"}, FileConfig("x.log", logger="x")])  # type: ignore[arg-type]
    assert [(file.name, file.level, file.logger) for file in config.files] == [
        ("app.log", None, ""),
        ("errors.log", "ERROR", ""),
        ("x.log", None, "x"),
    ]
    assert [file.name for file in LogConfig(files="a.log, b.log").files] == ["a.log", "b.log"]  # type: ignore[arg-type]


def test_a_mode_is_octal_as_number_or_text() -> None:
    assert LogConfig(file_mode="0640").file_mode == LogConfig(file_mode=0o640).file_mode == 0o640


def test_a_section_is_copied_so_that_configurations_do_not_share_it() -> None:
    console = ConsoleConfig()
    first = LogConfig(console=console)
    console.stream = "stdout"
    assert first.console.stream == "stderr"


def test_a_configuration_survives_replace_and_pickle() -> None:
    config = dataclasses.replace(LogConfig(level="ERROR"), log_dir="x")
    assert pickle.loads(pickle.dumps(config)) == config
