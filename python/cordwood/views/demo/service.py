"""The application: a shop that takes orders and asks a payment service, which is itself, over HTTP.

Its log calls are the standard library's. After each the ledger notes that the call has returned; that, and the line
in `configured`, is all there is here that an application would not have anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import cordwood
from cordwood.views.demo.ledger import Ledger

LOG_DIR = "logs"
TEXT, JSON = "service.log", "service.jsonl"
ROTATE_BYTES = 60_000
REFUSED_EACH = 40  # one card in so many is refused

log = logging.getLogger("shop")


def configured() -> Ledger:
    """Log as this demo shows it: text and JSON files that rotate, and the coloured console."""
    cordwood.configure(
        cordwood.LogConfig(
            log_dir=LOG_DIR,
            component_levels={"shop": "DEBUG"},
            format_string="%(asctime)s [%(process)d] %(levelname)-8s %(name)s: %(message)s",
            date_format=None,
            max_bytes=ROTATE_BYTES,
            backup_count=1000,
            files=(cordwood.FileConfig(TEXT), cordwood.FileConfig(JSON, format="json")),
            console=cordwood.ConsoleConfig(
                level="INFO",
                colour="always",
                format_string="%(asctime)s %(levelname)-8s %(name)s: %(message)s",
                date_format="%H:%M:%S",
            ),
        )
    )
    return Ledger()


class RefusedError(Exception):
    """The payment service said no."""


async def order(request: Request) -> JSONResponse:
    """Take an order: reserve its items, have it paid, answer."""
    ledger: Ledger = request.state.ledger
    number: int = request.path_params["number"]
    items = 1 + number % 5
    log.info("order %d received: %d items", number, items, extra={"order": number, "customer": f"c{number % 97}"})
    ledger.accepted(f"shop order {number} received")
    for item in range(items):
        log.debug("order %d item %d reserved on shelf %s", number, item, "ABCDE"[item])
        ledger.accepted(f"shop order {number} item {item}")
    began = asyncio.get_running_loop().time()
    try:
        await pay(request, number)
    except (httpx.HTTPError, RefusedError):
        log.exception("order %d failed", number, extra={"order": number})
        ledger.accepted(f"shop order {number} failed")
        return JSONResponse({"order": number, "state": "failed"}, status_code=502)
    took = (asyncio.get_running_loop().time() - began) * 1000
    log.info("order %d paid: %.2f EUR in %.1f ms", number, items * 9.95, took, extra={"order": number, "items": items})
    ledger.accepted(f"shop order {number} paid")
    return JSONResponse({"order": number, "state": "paid"})


async def pay(request: Request, number: int) -> None:
    """Ask the payment service; httpx logs each of its requests itself."""
    client: httpx.AsyncClient = request.state.client
    answer = await client.post(f"http://127.0.0.1:{request.url.port}/payments/{number}")
    request.state.ledger.accepted(f"httpx POST /payments/{number}")
    if answer.is_error:
        raise RefusedError(answer.json()["reason"])


async def payment(request: Request) -> JSONResponse:
    """The payment service: most cards are good."""
    number: int = request.path_params["number"]
    if number % REFUSED_EACH == 0:
        log.warning("payment %d refused: %s", number, "the card has expired")
        request.state.ledger.accepted(f"shop payment {number} refused")
        return JSONResponse({"reason": "the card has expired"}, status_code=402)
    return JSONResponse({"paid": number})


class Announced:
    """Gives every record of a request its id, and notes uvicorn's access line, which is logged as the answer starts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def announce(message: MutableMapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                scope["state"]["ledger"].accepted(f"uvicorn.access {scope['method']} {scope['path']}")

        with cordwood.context(request_id=scope["path"].rpartition("/")[2]):
            await self._app(scope, receive, announce)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
    """What the requests of one worker share."""
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        yield {"client": client, "ledger": configured()}


shop = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/orders/{number:int}", order, methods=["POST"]),
        Route("/payments/{number:int}", payment, methods=["POST"]),
    ],
)
app = Announced(shop)
