"""Where settings come from, in what order, and what becomes of wrong ones."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from cordwood.config import LogConfig, resolve
from cordwood.errors import ConfigError

YAML = """
logging:
  level: ERROR
  log_dir: from_file
  backup_count: 7
  console:
    enabled: true
    color: never
    format: "%(message)s"
  components:
    authentication: DEBUG
    models: WARNING
"""


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_arguments_win_over_environment_over_file_over_preset() -> None:
    found = resolve(
        write("config.yml", YAML),
        preset="production",
        settings={"log_dir": "from_argument"},
        environ={"CORDWOOD_LEVEL": "warn", "CORDWOOD_LOG_DIR": "from_environment"},
    )
    config = found.config
    assert (config.log_dir, config.level, config.backup_count, config.max_bytes) == (
        "from_argument",
        "WARNING",
        7,
        50 << 20,
    )
    assert [found.origins[name] for name in ("log_dir", "level", "backup_count", "max_bytes", "sync")] == [
        "argument",
        "CORDWOOD_LEVEL",
        "config.yml:5",
        "preset production",
        "default",
    ]
    assert found.faults == ()


def test_every_setting_has_an_origin() -> None:
    origins = resolve(environ={}).origins
    assert {"level", "console.stream", "spool.max_bytes", "redaction.enabled", "files"} <= set(origins)


def test_a_logging_section_may_use_the_documented_names() -> None:
    config = resolve(write("config.yml", YAML), environ={}).config
    assert config.console_output is True
    assert config.console.colour == "never"
    assert config.console.format_string == "%(message)s"
    assert config.component_levels == {"authentication": "DEBUG", "models": "WARNING"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs tomllib or tomli")
def test_pyproject_holds_settings_in_its_own_table() -> None:
    write("pyproject.toml", '[tool.cordwood]\nlevel = "ERROR"\n[tool.cordwood.console]\nstream = "stdout"\n')
    config = resolve("pyproject.toml", environ={}).config
    assert (config.level, config.console.stream) == ("ERROR", "stdout")


def test_two_underscores_nest_in_the_environment() -> None:
    config = resolve(
        environ={
            "CORDWOOD_CONSOLE__STREAM": "stdout",
            "CORDWOOD_COMPONENT_LEVELS__uvicorn.access": "ERROR",
            "CORDWOOD_COMPONENT_LEVELS__SQLALCHEMY__ENGINE": "WARNING",
            "CORDWOOD_CONSOLE_OUTPUT": "off",
            "CORDWOOD_FILES": "a.log,b.log",
            "CORDWOOD_LEVEL": "",
        }
    ).config
    assert config.console.stream == "stdout"
    assert config.component_levels == {"uvicorn.access": "ERROR", "sqlalchemy.engine": "WARNING"}
    assert config.console_output is False
    assert [file.name for file in config.files] == ["a.log", "b.log"]
    assert config.level == "DEBUG", "an empty variable counts as unset"


def test_a_mapping_in_one_variable_is_written_with_equals_signs() -> None:
    config = resolve(environ={"CORDWOOD_COMPONENT_LEVELS": "uvicorn=ERROR, sqlalchemy=INFO"}).config
    assert config.component_levels == {"uvicorn": "ERROR", "sqlalchemy": "INFO"}


def test_a_wrong_value_in_the_environment_is_a_fault_and_the_next_source_counts() -> None:
    found = resolve(write("config.yml", YAML), environ={"CORDWOOD_LEVEL": "LOUD", "CORDWOOD_SPOOL__MAX_BYTES": "lots"})
    assert found.config.level == "ERROR"
    assert [(fault.source, fault.field, fault.used) for fault in found.faults] == [
        ("CORDWOOD_LEVEL", "level", "'ERROR'"),
        ("CORDWOOD_SPOOL__MAX_BYTES", "spool.max_bytes", "268435456"),
    ]
    assert str(found.faults[0]).startswith("CORDWOOD_LEVEL: level: 'LOUD' is not a level; allowed: DEBUG,")


def test_an_unknown_name_is_a_fault_that_says_what_was_meant() -> None:
    found = resolve(
        write("config.yml", "logging: {levle: INFO, console: {strem: stdout}, xyzzy: {deep: 1}}"), environ={}
    )
    assert [str(fault) for fault in found.faults] == [
        "config.yml:1: levle: there is no such setting (did you mean 'level'?); using the settings without it",
        "config.yml:1: console.strem: there is no such setting (did you mean 'stream'?); using the settings without it",
        "config.yml:1: xyzzy: there is no such setting; using the settings without it",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("logging:\n\tlevel: INFO\n", "config.yml:2: it is not YAML: found character '\\t'"),
        ("logging: " + "[" * 3000, "config.yml: it is nested too deeply, or within itself"),
        ("logging: &it\n  level: INFO\n  again: *it\n", "config.yml: it is nested too deeply, or within itself"),
        ("other: 1\n", "config.yml: there is no `logging:` section in it; using defaults"),
        ("[1, 2]\n", "there is no `logging:` section"),
        ("", "there is no `logging:` section"),
        ("logging: {level: [1]}\n", "config.yml:1: level: '[1]' is not a level"),
    ],
)
def test_a_damaged_file_is_a_fault_and_defaults_are_used(text: str, message: str) -> None:
    found = resolve(write("config.yml", text), environ={})
    assert message in str(found.faults[0])
    assert found.config == LogConfig()


def test_a_missing_file_is_a_fault() -> None:
    found = resolve("missing.yml", environ={})
    assert str(found.faults[0]) == "missing.yml: No such file or directory; using defaults"


def test_bytes_that_are_no_text_are_a_fault() -> None:
    Path("config.yml").write_bytes(b"\xff\xfe\x00")
    assert resolve("config.yml", environ={}).faults


def test_a_wrong_argument_raises_at_once() -> None:
    with pytest.raises(ConfigError, match="level: 'LOUD'"):
        resolve(settings={"level": "LOUD"}, environ={})
    with pytest.raises(ConfigError, match=r"levl: there is no such setting \(did you mean 'level'"):
        resolve(settings={"levl": "INFO"}, environ={})
    with pytest.raises(ConfigError, match=r"there is no preset 'prodution'.*did you mean 'production'"):
        resolve("prodution", environ={})
    with pytest.raises(ConfigError, match="there is no preset 'x'"):
        resolve(preset="x", environ={})
    with pytest.raises(ConfigError, match="is not a configuration"):
        resolve(3, environ={})  # type: ignore[arg-type]


def test_the_environment_names_the_preset_and_a_wrong_name_is_a_fault() -> None:
    assert resolve(environ={"CORDWOOD_ENV": "production"}).config.log_dir == "./logs/prod"
    assert resolve(environ={"APP_ENV": "testing"}, variable="APP_ENV").config.log_dir == "./logs/test"
    found = resolve(environ={"CORDWOOD_ENV": "prod"})
    assert found.config.log_dir == "./logs/dev"
    assert "CORDWOOD_ENV: preset: there is no preset 'prod'" in str(found.faults[0])


def test_without_anything_development_is_taken() -> None:
    assert resolve(environ={}).config.log_dir == "./logs/dev"


def test_a_file_may_name_its_preset() -> None:
    found = resolve(write("config.yml", "logging: {preset: production, backup_count: 2}"), environ={})
    assert (found.config.log_dir, found.config.backup_count, found.faults) == ("./logs/prod", 2, ())


def test_a_log_config_counts_as_arguments_where_it_differs_from_the_defaults() -> None:
    environ = {"CORDWOOD_LEVEL": "ERROR", "CORDWOOD_LOG_DIR": "from_environment", "CORDWOOD_ENV": "production"}
    given = LogConfig(log_dir="mine")
    found = resolve(given, environ=environ)
    assert (found.config.log_dir, found.config.level, found.config.console_output) == ("mine", "ERROR", True)
    assert given == LogConfig(log_dir="mine"), "what was given stays as it was"


def test_a_mapping_among_arguments_changes_single_settings_of_a_section() -> None:
    config = resolve(preset="testing", settings={"console": {"stream": "stdout"}}, environ={}).config
    assert (config.console.stream, config.console.colour) == ("stdout", "auto")


def test_level_names_made_by_the_application_are_known() -> None:
    logging.addLevelName(33, "NOTICE")
    assert resolve(settings={"level": "notice"}, environ={}).config.level == "NOTICE"


FAULTY = """
logging:
  level: LOUD
  console:
    strem: stdout
  database:
    enabled: true
    retention_days: 365
database:
  host: ${DB_HOST:-postgres}
  port: ${DB_PORT}
  username: ${DB_USER}
  password: "secret"
  pool_recycle: 3600
  table_prefx: x
"""


def test_each_fault_of_a_file_has_its_line_and_field() -> None:
    faults = resolve(write("config.yml", FAULTY), environ={"DB_PORT": "many"}).faults
    assert [(fault.line, fault.field) for fault in faults] == [
        (3, "level"),
        (5, "console.strem"),
        (11, "database.port"),
        (12, "database.username"),
        (15, "database.table_prefx"),
    ]
    assert "the environment has no variable DB_USER; allowed: ${DB_USER:-a default}; using None" in str(faults[3])
    assert "did you mean 'table_prefix'" in str(faults[4])


def test_variables_of_the_environment_stand_in_values() -> None:
    found = resolve(write("config.yml", FAULTY), environ={"DB_PORT": "6000", "DB_USER": "ann"})
    database = found.config.database
    assert (database.host, database.port, database.username) == ("postgres", 6000, "ann")
    assert (database.enabled, database.retention_days) == (True, 365)
    assert found.origins["database.host"] == "config.yml:10"


def test_a_password_is_never_shown() -> None:
    text = "logging: {}\ndatabase: {password: hush, url: postgresql://ann:hush@db/x, port: hush2}\n"
    found = resolve(write("config.yml", text), environ={})
    database = found.config.database
    assert "hush@" not in repr(found)
    assert "'hush'" not in repr(found)
    assert str(database.url) == "postgresql://ann:***@db/x"
    assert database.password is not None
    assert database.password.reveal() == "hush"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs tomllib or tomli")
def test_lines_of_a_toml_file_are_known() -> None:
    write("pyproject.toml", '[tool.cordwood]\nlevel = "LOUD"\n\n[tool.cordwood.console]\nstrem = "x"\n')
    assert [fault.line for fault in resolve("pyproject.toml", environ={}).faults] == [2, 5]
    write("pyproject.toml", "[tool.cordwood]\n\nlevel = \n")
    assert resolve("pyproject.toml", environ={}).faults[0].line == 3


def test_an_application_may_bring_its_own_preset() -> None:
    found = resolve(preset=LogConfig(level="ERROR", backup_count=9), environ={"CORDWOOD_LEVEL": "INFO"})
    assert (found.config.level, found.config.backup_count) == ("INFO", 9)
    assert found.origins["backup_count"] == "preset"


def test_a_fault_within_a_list_has_the_line_of_its_entry_and_says_shortly_what_is_used() -> None:
    text = "logging:\n  files:\n    - app.log\n    - name: errors.log\n      levl: ERROR\n  console: yes\n"
    first, second = resolve(write("config.yml", text)).faults
    assert str(first) == "config.yml:5: files.levl: there is no such setting (did you mean 'level'?); using app.log"
    assert str(second).startswith("config.yml:6: console: True is not a group of settings; ")
    assert str(second).endswith("; using the settings there were")
