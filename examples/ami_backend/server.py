"""A server to start: `./start_server.sh`. It answers every request, and leaves a word of each in the log."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cordwood.integrations.event_loop import run_async
from utilities import logger


async def answer(path: str) -> bytes:
    """What the backend would work out."""
    return f"you asked for {path}\n".encode()


class Handler(BaseHTTPRequestHandler):
    """Requests come in threads; what they await runs in the one event loop."""

    def do_GET(self) -> None:
        """Answer."""
        body = run_async(answer(self.path))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name in http.server
        """`http.server` would print it."""
        logger.info(format, *args)


def main() -> None:
    """Serve until interrupted."""
    port = int(os.environ.get("PORT", "5000"))
    run_async(answer("/"))
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        logger.info("Starting server on port %d", port)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            logger.info("Server stopped")


if __name__ == "__main__":
    main()
