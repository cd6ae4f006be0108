"""LoggerManager: configuration and setup of all loggers."""

from __future__ import annotations

import logging

import cordwood
from cordwood.errors import report


class LoggerManager:
    """The logging of this process. There is one of it, however many of these are made."""

    def initialize(self, config: str = "config.yml") -> bool:
        """Log as the file says from now on; False, said on stderr, if logging cannot start."""
        try:
            cordwood.configure(config, preset="ai_platform")
        except (cordwood.CordwoodError, OSError) as error:
            report(f"logging cannot start: {error}")
            return False
        return True

    def get_logger(self, component: str) -> logging.Logger:
        """A component's logger."""
        return cordwood.get_logger(component)

    def shutdown(self) -> None:
        """Deliver what waits, then close."""
        cordwood.shutdown()
