"""AloneChat's WebSocket server: connections go through hooks and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordwood.integrations.websocket import HookContext, HookPhase, UnifiedWebSocketManager

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["HookContext", "HookPhase", "UnifiedWebSocketManager", "make_app"]


def make_app(manager: UnifiedWebSocketManager) -> Starlette:
    """A server where each user (`/ws/<user>`) hears an echo of what they say."""
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    async def echo(context: HookContext) -> None:
        if isinstance(context.message, str):
            await context.websocket.send_text(context.message)

    async def connected(websocket: WebSocket) -> None:
        await manager.serve(websocket, websocket.path_params["user"], echo)

    return Starlette(routes=[WebSocketRoute("/ws/{user}", connected)])
