"""WebSocket connections by user, with hooks around what happens to them: Starlette's, FastAPI's, or the like.

    manager = UnifiedWebSocketManager()
    manager.register_hook(HookPhase.POST_CONNECT, log_connection)

    async def endpoint(websocket):                       # a Starlette WebSocketRoute
        await manager.serve(websocket, user_id, on_message)

A hook takes the context and returns it (or another); it may be a coroutine function. A hook that fails is logged and
passed over: it never ends a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cordwood.instruments import logger_of
from cordwood.instruments.request import RequestLogger

LOGGER = "cordwood.websocket"
NORMAL = 1000
_ABNORMAL = 1006
_INTERNAL_ERROR = 1011


class WebSocket(Protocol):
    """What is used of a connection: Starlette's names."""

    async def accept(self) -> None: ...  # noqa: D102 Starlette documents it
    async def receive(self) -> Mapping[str, Any]: ...  # noqa: D102
    async def send_text(self, data: str) -> None: ...  # noqa: D102
    async def send_bytes(self, data: bytes) -> None: ...  # noqa: D102
    async def close(self, code: int = NORMAL) -> None: ...  # noqa: D102


class HookPhase(enum.Enum):
    """When a hook is called."""

    PRE_CONNECT = "pre_connect"  # before the connection is accepted
    POST_CONNECT = "post_connect"
    PRE_MESSAGE = "pre_message"  # the message of the context that comes back is what the application gets
    POST_MESSAGE = "post_message"
    PRE_DISCONNECT = "pre_disconnect"
    POST_DISCONNECT = "post_disconnect"  # the connection is closed and forgotten
    ERROR = "error"  # a connection or its handling failed


@dataclass(frozen=True, slots=True)
class HookContext:
    """What a hook is told.

    Args:
        phase: when it is called.
        user_id: whose connection it is.
        websocket: the connection.
        message: in the message phases: what came.
        error: in ERROR: what failed.
        code: in the disconnect phases: the close code.
        data: for hooks to leave things for later hooks of the same connection.
    """

    phase: HookPhase
    user_id: str
    websocket: WebSocket
    message: str | bytes | None = None
    error: BaseException | None = None
    code: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


Hook = Callable[[HookContext], HookContext | Awaitable[HookContext]]
OnMessage = Callable[[HookContext], Awaitable[object]]


class UnifiedWebSocketManager:
    """The WebSocket connections of one application; a user may have several. To be used in one event loop.

    Args:
        logger: a logger, or its name.
    """

    def __init__(self, logger: str | logging.Logger = LOGGER) -> None:
        self._logger = logger_of(logger)
        self._events = RequestLogger(self._logger)
        self._hooks: dict[HookPhase, list[Hook]] = {phase: [] for phase in HookPhase}
        self._connections: dict[WebSocket, HookContext] = {}

    def register_hook(self, phase: HookPhase, hook: Hook) -> None:
        """Call a hook in a phase, after those registered earlier."""
        self._hooks[phase].append(hook)

    def unregister_hook(self, phase: HookPhase, hook: Hook) -> None:
        """Call it no longer; one that is not registered is passed over."""
        if hook in self._hooks[phase]:
            self._hooks[phase].remove(hook)

    @property
    def users(self) -> set[str]:
        """Who is connected."""
        return {connection.user_id for connection in self._connections.values()}

    async def connect(self, websocket: WebSocket, user_id: str) -> None:
        """Accept a connection. What accepting it raises is logged, given to ERROR hooks and goes on."""
        ctx = await self._run(HookContext(HookPhase.PRE_CONNECT, user_id, websocket))
        try:
            await websocket.accept()
        except Exception as error:
            await self._failed(ctx, error)
            raise
        self._connections[websocket] = ctx
        self._event("connect", ctx)
        await self._run(replace(ctx, phase=HookPhase.POST_CONNECT))

    async def disconnect(self, websocket: WebSocket, code: int = NORMAL) -> None:
        """Close a connection, if it still stands, and forget it."""
        if websocket not in self._connections:
            return
        ctx = replace(self._connections[websocket], code=code)
        try:
            ctx = await self._run(replace(ctx, phase=HookPhase.PRE_DISCONNECT))
            await _close(websocket, code)
        finally:
            if self._connections.pop(websocket, None) is not None:
                self._event("disconnect", ctx, code=code)
                await self._run(replace(ctx, phase=HookPhase.POST_DISCONNECT))

    async def serve(self, websocket: WebSocket, user_id: str, on_message: OnMessage) -> None:
        """Connect, hand each message to `on_message` (it gets the hooks' context), disconnect at the end.

        What `on_message` raises is logged and given to ERROR hooks; the connection goes on.
        """
        await self.connect(websocket, user_id)
        code = _ABNORMAL
        try:
            while True:
                event = await websocket.receive()
                if event["type"] == "websocket.disconnect":
                    code = event.get("code", _ABNORMAL)
                    return
                await self._message(websocket, event, on_message)
        except asyncio.CancelledError:
            code = 1001  # going away
            raise
        except Exception as error:
            code = _INTERNAL_ERROR
            await self._failed(self._connections[websocket], error)
            raise
        finally:
            await self.disconnect(websocket, code)

    async def send(self, user_id: str, message: str | bytes) -> int:
        """Send to all connections of a user; how many took it. One that fails is logged and dropped."""
        return await self._send([ctx for ctx in self._connections.values() if ctx.user_id == user_id], message)

    async def broadcast(self, message: str | bytes) -> int:
        """Send to all connections; how many took it. One that fails is logged and dropped."""
        return await self._send(list(self._connections.values()), message)

    async def _send(self, targets: list[HookContext], message: str | bytes) -> int:
        return sum(await asyncio.gather(*(self._send_one(ctx, message) for ctx in targets)))

    async def _send_one(self, ctx: HookContext, message: str | bytes) -> bool:
        try:
            if isinstance(message, str):
                await ctx.websocket.send_text(message)
            else:
                await ctx.websocket.send_bytes(message)
        except Exception as error:  # noqa: BLE001 a peer that went away, in whatever words its server has for it
            await self._failed(ctx, error)
            await self.disconnect(ctx.websocket, _ABNORMAL)
            return False
        return True

    async def _message(self, websocket: WebSocket, event: Mapping[str, Any], on_message: OnMessage) -> None:
        text = event.get("text")
        message = event.get("bytes", b"") if text is None else text
        ctx = replace(self._connections[websocket], phase=HookPhase.PRE_MESSAGE, message=message)
        self._event("message", ctx, level=logging.DEBUG, size=len(message))
        ctx = await self._run(ctx)
        try:
            await on_message(ctx)
        except Exception as error:  # noqa: BLE001 one bad message is no reason to lose the connection
            await self._failed(ctx, error)
        else:
            await self._run(replace(ctx, phase=HookPhase.POST_MESSAGE))

    async def _failed(self, ctx: HookContext, error: Exception) -> None:
        self._logger.error("WebSocket error, user %s", ctx.user_id, exc_info=error, extra={"user": ctx.user_id})
        await self._run(replace(ctx, phase=HookPhase.ERROR, error=error))

    async def _run(self, ctx: HookContext) -> HookContext:
        """The context as the phase's hooks leave it."""
        phase = ctx.phase
        for hook in tuple(self._hooks[phase]):
            try:
                result = hook(ctx)
                if inspect.isawaitable(result):
                    result = await result
                if not isinstance(result, HookContext):
                    raise TypeError(f"a hook returns the context, not {type(result).__name__}")  # noqa: TRY301
                ctx = replace(result, phase=phase)
            except Exception:  # noqa: PERF203 each hook fails for itself
                self._logger.exception(
                    "hook %s failed in %s; it is passed over", getattr(hook, "__qualname__", hook), phase.name
                )
        return ctx

    def _event(self, event: str, ctx: HookContext, *, level: int | None = None, **fields: Any) -> None:
        self._events.log_websocket_event(event, ctx.user_id, level=level, **fields)


async def _close(websocket: WebSocket, code: int) -> None:
    """Close, where the peer has not done so already."""
    with contextlib.suppress(Exception):  # closed already, in whatever words its server has for it
        await websocket.close(NORMAL if code == _ABNORMAL else code)  # 1006 is never sent
