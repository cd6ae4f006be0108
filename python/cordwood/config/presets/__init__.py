"""Presets: functions returning a `LogConfig`, one file each, one line each in the table.

A preset takes no required argument; its docstring says for whom it is and what it costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cordwood.config.model import LogConfig
from cordwood.config.presets.development import development
from cordwood.config.presets.production import production
from cordwood.config.presets.testing import testing

PRESETS: Mapping[str, Callable[[], LogConfig]] = {
    "default": LogConfig,
    "development": development,
    "production": production,
    "testing": testing,
}
