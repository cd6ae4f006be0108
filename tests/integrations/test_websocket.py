"""UnifiedWebSocketManager on a real Starlette server: hooks and log see all; a failing hook ends no connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cordwood.integrations.websocket import HookContext, HookPhase, UnifiedWebSocketManager
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from tests.integrations.servers import serving, wait_until
from tests.logged import Logged


class Chat:
    """A server with a manager, and what its hooks have seen."""

    def __init__(self) -> None:
        self.manager = UnifiedWebSocketManager()
        self.seen: list[HookContext] = []
        self.app = Starlette(routes=[WebSocketRoute("/ws/{user}", self.endpoint)])
        self.address = ""

    def watch(self) -> None:
        for phase in HookPhase:
            self.manager.register_hook(phase, self.see)

    def see(self, ctx: HookContext) -> HookContext:
        self.seen.append(ctx)
        return ctx

    def phases(self) -> list[HookPhase]:
        return [ctx.phase for ctx in self.seen]

    async def endpoint(self, websocket: WebSocket) -> None:
        await self.manager.serve(websocket, websocket.path_params["user"], self.on_message)

    async def on_message(self, ctx: HookContext) -> None:
        if ctx.message == "fail":
            raise LookupError("bad word")
        if ctx.message == "all":
            await self.manager.broadcast("to all")
        else:
            assert ctx.message is not None
            await self.manager.send(ctx.user_id, ctx.message)

    def connect(self, user: str) -> Any:
        return connect(f"ws://{self.address}/ws/{user}")


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    with serving(chat.app) as chat.address:
        yield chat


def test_L6_hooks_see_connects_messages_and_disconnects_in_order(chat: Chat, logged: Logged) -> None:
    chat.watch()
    with chat.connect("ann") as websocket:
        websocket.send("hello")
        assert websocket.recv() == "hello"
        websocket.send(b"\x00\x01")
        assert websocket.recv() == b"\x00\x01"
        assert chat.manager.users == {"ann"}
    wait_until(lambda: HookPhase.POST_DISCONNECT in chat.phases(), "no disconnect")
    assert chat.phases() == [
        HookPhase.PRE_CONNECT, HookPhase.POST_CONNECT,
        HookPhase.PRE_MESSAGE, HookPhase.POST_MESSAGE,
        HookPhase.PRE_MESSAGE, HookPhase.POST_MESSAGE,
        HookPhase.PRE_DISCONNECT, HookPhase.POST_DISCONNECT,
    ]  # fmt: skip
    assert {ctx.user_id for ctx in chat.seen} == {"ann"}
    assert [ctx.message for ctx in chat.seen[2:6:2]] == ["hello", b"\x00\x01"]
    assert chat.seen[-1].code == 1000
    assert chat.manager.users == set()
    assert [(r.message, r.level_name) for r in logged.records("cordwood.websocket")] == [
        ("WebSocket connect, user ann", "INFO"),
        ("WebSocket message, user ann", "DEBUG"),
        ("WebSocket message, user ann", "DEBUG"),
        ("WebSocket disconnect, user ann", "INFO"),
    ]


def test_L6_a_failing_hook_never_ends_a_connection(chat: Chat, logged: Logged) -> None:
    def fails(ctx: HookContext) -> HookContext:
        raise ValueError("bad hook")

    async def fails_later(ctx: HookContext) -> HookContext:
        await asyncio.sleep(0)
        raise ValueError("bad coroutine")

    def forgets(ctx: HookContext) -> Any:
        return None

    for phase in HookPhase:
        for hook in (fails, fails_later, forgets):
            chat.manager.register_hook(phase, hook)
    chat.watch()
    with chat.connect("ann") as websocket:
        for text in ("one", "two"):
            websocket.send(text)
            assert websocket.recv() == text
    wait_until(lambda: HookPhase.POST_DISCONNECT in chat.phases(), "no disconnect")
    failures = [r for r in logged.records("cordwood.websocket") if r.level_name == "ERROR"]
    assert len(failures) == 3 * len(chat.seen)
    assert failures[0].message.endswith("fails failed in PRE_CONNECT; it is passed over")
    assert failures[0].exception is not None
    assert failures[2].exception is not None
    assert "a hook returns the context, not NoneType" in failures[2].exception["text"]


def test_L6_an_error_in_the_application_goes_to_hooks_and_log_and_the_connection_lives(
    chat: Chat, logged: Logged
) -> None:
    chat.watch()
    with chat.connect("ann") as websocket:
        websocket.send("fail")
        websocket.send("still here")
        assert websocket.recv() == "still here"
    (failed,) = [ctx for ctx in chat.seen if ctx.phase is HookPhase.ERROR]
    assert isinstance(failed.error, LookupError)
    assert failed.message == "fail"
    (record,) = [r for r in logged.records("cordwood.websocket") if r.level_name == "ERROR"]
    assert record.message == "WebSocket error, user ann"
    assert record.exception is not None
    assert record.exception["message"] == "bad word"


def test_a_hook_may_change_the_message_and_leave_data_for_later_ones(chat: Chat) -> None:
    async def shout(ctx: HookContext) -> HookContext:
        ctx.data["shouted"] = True
        return replace(ctx, message=str(ctx.message).upper())

    chat.manager.register_hook(HookPhase.PRE_MESSAGE, shout)
    chat.watch()
    with chat.connect("ann") as websocket:
        websocket.send("hello")
        assert websocket.recv() == "HELLO"
    wait_until(lambda: HookPhase.POST_DISCONNECT in chat.phases(), "no disconnect")
    assert chat.seen[-1].data == {"shouted": True}


def test_a_hook_that_is_unregistered_is_called_no_longer(chat: Chat) -> None:
    chat.manager.register_hook(HookPhase.POST_CONNECT, chat.see)
    chat.manager.unregister_hook(HookPhase.POST_CONNECT, chat.see)
    chat.manager.unregister_hook(HookPhase.POST_CONNECT, chat.see)
    with chat.connect("ann") as websocket:
        websocket.send("x")
        assert websocket.recv() == "x"
    assert chat.seen == []


def test_a_broadcast_reaches_all_and_drops_who_cannot_be_reached(chat: Chat, logged: Logged) -> None:
    class Broken:
        """A peer that went away without a word."""

        async def accept(self) -> None: ...

        async def send_text(self, data: str) -> None:
            raise RuntimeError("connection lost")

        async def close(self, code: int = 1000) -> None:
            raise RuntimeError("connection lost")

    chat.watch()
    broken: Any = Broken()
    asyncio.run(chat.manager.connect(broken, "bob"))
    with chat.connect("ann") as first, chat.connect("ann") as second:
        wait_until(lambda: chat.phases().count(HookPhase.POST_CONNECT) == 3, "not all are connected")
        first.send("all")
        assert first.recv() == second.recv() == "to all"
        assert chat.manager.users == {"ann"}
    (failed,) = [ctx for ctx in chat.seen if ctx.phase is HookPhase.ERROR]
    assert (failed.user_id, str(failed.error)) == ("bob", "connection lost")
    assert "WebSocket disconnect, user bob" in logged.messages()
