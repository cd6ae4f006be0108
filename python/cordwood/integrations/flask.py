"""Flask: request id in every record, each request logged, no handler of Flask's own.

cordwood.configure()
app = Flask(__name__)
install(app)
"""

from __future__ import annotations

from typing import Any

from cordwood.errors import MissingExtraError
from cordwood.instruments.request import RequestLogger
from cordwood.integrations import wsgi

try:
    from flask import Flask
    from flask.logging import default_handler
except ImportError:
    raise MissingExtraError("cordwood.integrations.flask", "pip install flask") from None


def install(app: Flask, logger: RequestLogger | None = None, user: Any = wsgi.user_of) -> None:
    """Log the requests of an application.

    Args:
        app: the application.
        logger: where to log; None is a `RequestLogger` of its own.
        user: tells the user of a WSGI environ, asked when the request ends.
    """
    app.logger.removeHandler(default_handler)
    app.wsgi_app = wsgi.RequestLogMiddleware(app.wsgi_app, logger, user)  # type: ignore[method-assign]
