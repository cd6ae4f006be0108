"""A log of a made-up web shop, the same for the same size, with the truth beside it.

Text: `YYYY-MM-DD HH:MM:SS,mmm - logger - LEVEL - message`, tracebacks after some errors; JSON holds the same records.
`FILE.truth.json` has, for each template, level, logger and records by hour.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from pathlib import Path
from typing import TextIO

HOURS = 24
START = dt.datetime(2026, 11, 19, 12, tzinfo=dt.timezone.utc)
BYTES = {False: 97, True: 148}  # of a record as text or JSON, tracebacks included
TEMPLATES = [  # level, logger, message, weight
    ("INFO", "shop.http", "GET /api/products/{five} 200 {three}ms from {ip}", 120),
    ("INFO", "shop.http", "POST /api/cart 201 {three}ms from {ip} size={five}", 80),
    ("INFO", "shop.login", "Customer {user} signed in from {ip}", 70),
    ("INFO", "shop.login", "Customer {user} signed out", 60),
    ("INFO", "shop.login", "Session {uuid} renewed", 55),
    ("INFO", "shop.orders", "Order {six} placed by {user}, total {money}", 50),
    ("INFO", "shop.orders", "Order {six} handed to {carrier}, parcel {hex}", 45),
    ("INFO", "shop.orders", "Order {six} went from {state} to {state}", 40),
    ("INFO", "shop.tasks", "Job {job}[{uuid}] taken", 40),
    ("INFO", "shop.tasks", "Job {job}[{uuid}] done in {ratio}s", 38),
    ("INFO", "shop.cache", "Hit rate {ratio} over {five} lookups", 30),
    ("INFO", "shop.mail", "Receipt sent to {user}@example.org in {three}ms", 28),
    ("INFO", "shop.files", "Stored /media/{user}/{hex}.jpg ({six} bytes)", 26),
    ("DEBUG", "shop.db", "SELECT * FROM products WHERE id = {six} -- {ratio} ms, {two} rows", 90),
    ("DEBUG", "shop.db", "Connection {three} leased (idle={two}, busy={two})", 60),
    ("DEBUG", "shop.flags", "Flag {job} is {flag} for {user}", 40),
    ("WARNING", "shop.db", "Query took {four} ms: UPDATE stock SET left={two} WHERE id={six}", 16),
    ("WARNING", "shop.http", "Too many calls by {ip}: {four} in {two} s", 14),
    ("ERROR", "shop.orders", "Order {six} not paid: bank {carrier} gave no answer for {two} s", 8),
    ("ERROR", "shop.http", "Unhandled exception on GET /api/customers/{five}", 6),
    ("ERROR", "shop.files", "Upload of {hex}.jpg gave up after {one} tries", 4),
]
TRACEBACKS = {
    18: 'Traceback (most recent call last):\n  File "/srv/shop/orders.py", line {two}, in pay\n    bank.call()\n'
    "TimeoutError: no answer for {two} s\n",
    19: 'Traceback (most recent call last):\n  File "/srv/shop/api.py", line {two}, in view\n    customers[key]\n'
    "KeyError: '{user}'\n",
}
_FIELD = re.compile(r"\{(\w+)\}")


def pools(chances: random.Random) -> dict[str, list[str]]:
    """Values, drawn beforehand: drawing takes longer than writing."""
    whole = chances.randint
    return {
        "one": [str(whole(1, 9)) for _ in range(64)],
        "two": [str(whole(1, 99)) for _ in range(512)],
        "three": [str(whole(1, 999)) for _ in range(2048)],
        "four": [str(whole(10, 9999)) for _ in range(8192)],
        "five": [str(whole(1, 99_999)) for _ in range(50_000)],
        "six": [str(whole(1, 999_999)) for _ in range(200_000)],
        "ip": [f"10.{whole(0, 255)}.{whole(0, 255)}.{whole(1, 254)}" for _ in range(20_000)],
        "hex": [f"{whole(0, 2**32 - 1):08x}" for _ in range(200_000)],
        "user": [f"user{whole(1, 30_000)}" for _ in range(30_000)],
        "uuid": [str(_uuid(chances)) for _ in range(200_000)],
        "money": [f"{whole(1, 900)}.{whole(0, 99):02}" for _ in range(20_000)],
        "ratio": [f"{chances.random() * 3:.4f}" for _ in range(20_000)],
        "carrier": ["dhl", "ups", "fedex", "gls", "postnord"],
        "state": ["new", "paid", "packed", "sent", "done"],
        "job": ["reindex", "sync_stock", "send_news", "tidy_up", "sum_up", "invoice"],
        "flag": ["True", "False"],
    }


def _uuid(chances: random.Random) -> str:
    """A UUID of these chances."""
    text = f"{chances.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def make(path: Path, size: int, *, as_json: bool = False) -> None:
    """Write the log and its truth, about `size` bytes."""
    chances = random.Random(11)
    values = pools(chances)
    parts = [(_FIELD.split(message)[::2], _FIELD.findall(message)) for _, _, message, _ in TEMPLATES]
    order = chances.choices(range(len(TEMPLATES)), [weight for *_, weight in TEMPLATES], k=65_536)
    count = size // BYTES[as_json]
    truth = [[0] * HOURS for _ in TEMPLATES]

    def fill(texts: list[str], fields: list[str]) -> str:
        out = texts[0]
        for text, field in zip(texts[1:], fields, strict=True):
            pool = values[field]
            out += pool[int(chances.random() * len(pool))] + text
        return out

    with path.open("w", encoding="utf-8", buffering=1 << 20) as out:
        second, stamp = -1, ""
        for number in range(count):
            at = number * HOURS * 3600 / count
            if int(at) != second:
                second = int(at)
                stamp = (START + dt.timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
            kind = order[int(chances.random() * 65_536)]
            truth[kind][second // 3600] += 1
            level, logger, *_ = TEMPLATES[kind]
            message = fill(*parts[kind])
            error = ""
            if text := TRACEBACKS.get(kind):
                error = fill(_FIELD.split(text)[::2], _FIELD.findall(text))
            time = f"{stamp},{int((at - second) * 1000):03}"
            _write(out, (time, level, logger, message, error), as_json=as_json)
    found = [
        {"level": level, "logger": logger, "message": message, "hours": hours}
        for (level, logger, message, _), hours in zip(TEMPLATES, truth, strict=True)
    ]
    path.with_name(f"{path.name}.truth.json").write_text(json.dumps(found), encoding="utf-8")


def _write(out: TextIO, record: tuple[str, str, str, str, str], *, as_json: bool) -> None:
    time, level, logger, message, error = record
    if as_json:
        names = ("timestamp", "level", "logger", "message", "exception")
        out.write(json.dumps({name: value for name, value in zip(names, record, strict=True) if value}) + "\n")
    else:
        out.write(f"{time} - {logger} - {level} - {message}\n{error}")
