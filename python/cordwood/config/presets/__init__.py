"""Presets: functions returning a `LogConfig`, one file each, one line each in the table.

A preset takes no required argument; its docstring says for whom it is and what it costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cordwood.lazy import Lazy

if TYPE_CHECKING:
    from cordwood.config.model import LogConfig

PRESETS: Mapping[str, Callable[[], LogConfig]] = Lazy(
    {
        "default": "cordwood.config.model:LogConfig",
        "development": "cordwood.config.presets.development:development",
        "production": "cordwood.config.presets.production:production",
        "testing": "cordwood.config.presets.testing:testing",
        # The five systems of docs/systems/; `services` is the general name of one.
        "ai_platform": "cordwood.config.presets.ai_platform:ai_platform",
        "alonechat": "cordwood.config.presets.alonechat:alonechat",
        "ami_backend": "cordwood.config.presets.ami_backend:ami_backend",
        "chainner": "cordwood.config.presets.chainner:chainner",
        "clipizi": "cordwood.config.presets.clipizi:clipizi",
        "services": "cordwood.config.presets.clipizi:clipizi",
    }
)
