"""The client: keeps every worker busy, and kills one in the middle."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cordwood import _native

CUSTOMERS = 16  # that order at the same time, one order after the other


@dataclass
class Load:
    """What the client saw."""

    answered: list[int] = field(default_factory=list)  # orders with an answer, in the order of the answers
    cut_off: int = 0  # requests that the kill left without one
    killed: int = 0
    led: bool = False  # whether the killed worker was delivering for all
    answered_before: int = 0


async def drive(port: int, seconds: float, spool: Path, workers: Callable[[], list[int]]) -> Load:
    """Order for so many seconds; half-way, SIGKILL for a worker: the one that delivers, if a worker does."""
    load = Load()
    numbers = itertools.count(1)
    ends = asyncio.get_running_loop().time() + seconds

    async def customer(client: httpx.AsyncClient) -> None:
        while asyncio.get_running_loop().time() < ends:
            number = next(numbers)
            try:
                await client.post(f"http://127.0.0.1:{port}/orders/{number}")
            except httpx.HTTPError:
                load.cut_off += 1
            else:
                load.answered.append(number)

    async def killer() -> None:
        await asyncio.sleep(seconds / 2)
        leader = int(_native.spool_status(str(spool)).get("leader") or 0)
        load.led = leader in workers()
        load.killed = leader if load.led else workers()[0]
        load.answered_before = len(load.answered)
        os.kill(load.killed, signal.SIGKILL)

    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        await asyncio.gather(killer(), *(customer(client) for _ in range(CUSTOMERS)))
    return load
