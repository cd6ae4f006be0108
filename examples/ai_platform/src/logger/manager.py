"""LoggerManager: configuration and setup of all loggers."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cordwood
from cordwood.errors import report

CONFIG = "config.yml"
CONFIG_VARIABLE = "AI_PLATFORM_CONFIG"
PATIENCE = 3.0  # seconds that starting waits for the database


class LoggerManager:
    """The logging of this process. There is one of it, however many of these are made."""

    def initialize(self, config: str | None = None) -> bool:
        """Log as the file says from now on.

        Args:
            config: the file; None is what AI_PLATFORM_CONFIG names, `config.yml` here, or the one beside `src`.

        Returns:
            False, said on standard error, if logging cannot start or the database does not answer.
        """
        try:
            manager = cordwood.configure(config or self._config(), preset="ai_platform")
        except (cordwood.CordwoodError, OSError) as error:
            report(f"logging cannot start: {error}")
            return False
        unreachable = manager.unreachable(PATIENCE)
        for database, problem in unreachable.items():
            report(f"{database} does not answer ({problem}); records wait for it, and go to the console meanwhile")
        return not unreachable

    @staticmethod
    def _config() -> str:
        named = os.environ.get(CONFIG_VARIABLE)
        if named or Path(CONFIG).exists():
            return named or CONFIG
        return str(Path(__file__).parents[2] / CONFIG)

    def get_logger(self, component: str) -> logging.Logger:
        """A component's logger."""
        return cordwood.get_logger(component)

    def set_level(self, component: str, level: int | str) -> None:
        """Switch a component's level while running."""
        cordwood.set_level(component, level)

    def shutdown(self) -> None:
        """Deliver what waits, then close."""
        cordwood.shutdown()
