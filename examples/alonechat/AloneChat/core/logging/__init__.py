"""Core logging functionality: one manager, one configuration object, three environments."""

from __future__ import annotations

import dataclasses
import functools
import os

import cordwood
from cordwood import ConfigError, FileConfig, LogConfig, LoggingManager, get_logger
from cordwood.config.presets.alonechat import alonechat
from cordwood.errors import closest, report

__all__ = [
    "LogConfig",
    "LoggingManager",
    "auto_configure",
    "configure_logging",
    "create_development_config",
    "create_production_config",
    "create_testing_config",
    "get_logger",
]

VARIABLE = "ALONECHAT_ENV"
FILES = (FileConfig("alonechat.log"), FileConfig("alonechat_errors.log", level="ERROR"))

create_development_config = functools.partial(alonechat, "development")
create_production_config = functools.partial(alonechat, "production")
create_testing_config = functools.partial(alonechat, "testing")

ENVIRONMENTS = {
    "development": create_development_config,
    "production": create_production_config,
    "testing": create_testing_config,
}


def configure_logging(config: LogConfig) -> LoggingManager:
    """Log as `config` says from now on, to `alonechat.log` and `alonechat_errors.log` unless it names files itself."""
    if config.files == LogConfig().files:
        config = dataclasses.replace(config, files=FILES)
    return cordwood.configure(config)


def auto_configure(env: str | None = None) -> LoggingManager:
    """Configure for an environment.

    Args:
        env: `development`, `production` or `testing`; None is what ALONECHAT_ENV says, else `development`.

    Raises:
        ConfigError: there is no environment of that name. (A wrong ALONECHAT_ENV is said on stderr instead.)
    """
    named = env or os.environ.get(VARIABLE) or "development"
    if named not in ENVIRONMENTS:
        error = ConfigError(
            "env" if env else VARIABLE, f"there is no environment {named!r}", ", ".join(ENVIRONMENTS),
            closest(named, ENVIRONMENTS),
        )  # fmt: skip
        if env:
            raise error
        report(f"{error}; using 'development'")
        named = "development"
    return cordwood.configure(preset=ENVIRONMENTS[named]())
