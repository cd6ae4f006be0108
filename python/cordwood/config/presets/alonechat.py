"""The three environments under one application's name, as `alonechat`."""

from __future__ import annotations

from cordwood.config.model import LogConfig
from cordwood.config.presets.development import development
from cordwood.config.presets.production import production
from cordwood.config.presets.testing import testing

_ENVIRONMENTS = {"development": development, "production": production, "testing": testing}


def alonechat(env: str = "development") -> LogConfig:
    """The preset `env`, with `alonechat.log` and `alonechat_errors.log` (testing: the first alone)."""
    return _ENVIRONMENTS[env]("alonechat")
