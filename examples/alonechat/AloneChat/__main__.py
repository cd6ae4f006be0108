"""`python -m AloneChat server --env production`, or `ALONECHAT_ENV=production python -m AloneChat server`."""

from __future__ import annotations

import argparse
import signal
import sys

from AloneChat.core.logging import ENVIRONMENTS, auto_configure, get_logger


def main() -> None:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="AloneChat")
    commands = parser.add_subparsers(required=True)
    server = commands.add_parser("server", help="run the WebSocket server")
    server.add_argument("--env", choices=list(ENVIRONMENTS), help="the environment (default: ALONECHAT_ENV)")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument("--port", type=int, default=8766)
    options = parser.parse_args()
    auto_configure(options.env)
    serve(options.host, options.port)


def serve(host: str, port: int) -> None:
    """Serve until interrupted."""
    import uvicorn

    from AloneChat.core.server import UnifiedWebSocketManager, make_app

    # uvicorn, when it is done, sends itself the signal that ended it: Python's own exit, which delivers, shall follow.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    get_logger("AloneChat.server").info("Server starts on %s:%d", host, port)
    # Without a log_config of its own uvicorn's records go the way of all others.
    uvicorn.run(make_app(UnifiedWebSocketManager()), host=host, port=port, log_config=None)


if __name__ == "__main__":
    main()
