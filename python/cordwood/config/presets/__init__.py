"""Presets: functions returning a `LogConfig`, one file each, one line each in the table.

A preset takes no required argument; its docstring says for whom it is and what it costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cordwood.config.model import LogConfig
from cordwood.config.presets.ai_platform import ai_platform
from cordwood.config.presets.alonechat import alonechat
from cordwood.config.presets.ami_backend import ami_backend
from cordwood.config.presets.chainner import chainner
from cordwood.config.presets.clipizi import clipizi
from cordwood.config.presets.development import development
from cordwood.config.presets.production import production
from cordwood.config.presets.testing import testing

PRESETS: Mapping[str, Callable[[], LogConfig]] = {
    "default": LogConfig,
    "development": development,
    "production": production,
    "testing": testing,
    # The five systems of docs/systems/; `services` is the general name of one.
    "ai_platform": ai_platform,
    "alonechat": alonechat,
    "ami_backend": ami_backend,
    "chainner": chainner,
    "clipizi": clipizi,
    "services": clipizi,
}
