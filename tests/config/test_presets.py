"""The documented values of the presets."""

from __future__ import annotations

import pytest
from cordwood.config import PRESETS, LogConfig


def values(name: str) -> tuple[object, ...]:
    config = PRESETS[name]()
    files = tuple((file.name, file.level) for file in config.files) if config.file_output else ()
    return config.level, config.log_dir, config.console_output, config.max_bytes, config.backup_count, files


def test_development() -> None:
    files = (("app.log", None), ("app_errors.log", "ERROR"))
    assert values("development") == ("DEBUG", "./logs/dev", True, 5 << 20, 3, files)
    assert "%(filename)s:%(lineno)d" in str(PRESETS["development"]().format_string)


def test_production() -> None:
    files = (("app.log", None), ("app_errors.log", "ERROR"))
    assert values("production") == ("INFO", "./logs/prod", False, 50 << 20, 10, files)
    assert "%(filename)s:%(lineno)d" in str(PRESETS["production"]().format_string)


def test_testing() -> None:
    assert values("testing") == ("DEBUG", "./logs/test", True, 10 << 20, 5, ())
    assert [file.name for file in PRESETS["testing"]().files] == ["app.log"]


@pytest.mark.parametrize("name", PRESETS)
def test_each_call_gives_a_configuration_of_its_own(name: str) -> None:
    first = PRESETS[name]()
    first.component_levels["x"] = "DEBUG"
    assert isinstance(first, LogConfig)
    assert PRESETS[name]() != first
