"""gunicorn's own loggers, its access log included, through Cordwood.

    gunicorn --logger-class cordwood.integrations.gunicorn.Logger --access-logfile - shop:app

`--access-logfile` (any value) still switches the access log on, `--log-level` still counts. Configure Cordwood in
gunicorn.conf.py, so that the arbiter's records go there too; workers go on with it after the fork.
"""

from __future__ import annotations

import logging
from typing import Any

from cordwood.errors import MissingExtraError

try:
    from gunicorn import glogging
except ImportError:
    raise MissingExtraError("cordwood.integrations.gunicorn", "pip install gunicorn") from None


class Logger(glogging.Logger):
    """gunicorn's logger without handlers of its own: its records go to the root logger, where Cordwood is."""

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's levels and switches, not its handlers."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers = [handler for handler in logger.handlers if isinstance(handler, logging.NullHandler)]
            logger.propagate = True

    def _set_handler(self, *_: Any, **__: Any) -> None:
        """No file or stream of gunicorn's own is opened."""
