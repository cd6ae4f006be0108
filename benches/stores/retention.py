"""The oldest half removed: in batches and by partition, and how long an insert waits for that.

The ceiling of partitions is the server's own: one DROP TABLE of the same ones. Most of it is the file system's, which
gives the space back after the commit, when nobody waits for the table any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import psycopg
from cordwood.sinks.postgres import PostgresSink

from benches.stores.server import emptied

FILL = (
    "INSERT INTO bench_logs (timestamp, level, logger_name, process_id, thread_id, hostname, message)"
    " SELECT now() - n * interval '{step} second', (ARRAY['INFO','INFO','INFO','DEBUG','ERROR'])[1 + n % 5],"
    " 'app.' || n % 50, 1, 1, 'host', repeat('x', 151) FROM generate_series(1, {count}) n"
)
DAYS = 60  # that the rows are spread over


def lines(url: str, count: int) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the page."""
    took, gone, longest = in_batches(url, count)
    yield f"oldest half of {count:,} rows, in batches", "–", f"{took:.1f} s ({gone:,} rows)", "batches ≤ 0.25 s"
    yield "longest wait of an insert meanwhile", "–", f"{longest:.2f} s", "≤ 0.25 s"
    plain, dropped, longest = by_partition(url, count)
    yield f"oldest half of {count:,} rows, by partition", f"{plain:.2f} s", f"{dropped:.2f} s", "0.3 s"
    yield "longest wait of an insert meanwhile", "–", f"{longest:.2f} s", "≤ 0.25 s"


def fill(url: str, count: int, *, by_day: bool) -> None:
    """So many rows, evenly over the days; the indexes are built afterwards, which is quicker."""
    schema = emptied(url, indexes=False, by_day=by_day)
    with psycopg.connect(url, autocommit=True) as connection:
        if by_day:
            today = datetime.now(timezone.utc).date()
            for day in (today - timedelta(days=ago) for ago in range(2, DAYS + 1)):
                connection.execute(
                    f"CREATE TABLE bench_logs_{day:%Y%m%d} PARTITION OF bench_logs"
                    f" FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
                )
        connection.execute(FILL.format(step=DAYS * 86_400 / count, count=count))
        schema.ensure(connection)
        connection.execute("ANALYZE bench_logs")


def in_batches(url: str, count: int) -> tuple[float, int, float]:
    """Seconds, rows, and the longest that an insert took meanwhile."""
    fill(url, count, by_day=False)
    store = PostgresSink(url, table_prefix="bench", retention_days=DAYS // 2).store()
    store._ensured = True  # type: ignore[attr-defined]
    with inserting(url) as longest:
        began = time.perf_counter()
        gone = store.tidy(lambda: False, ())
        took = time.perf_counter() - began
    store.close()
    return took, gone, longest[0]


@contextmanager
def inserting(url: str) -> Iterator[list[float]]:
    """Somebody inserts ten rows, a hundred times a second; what the longest of it took."""
    longest = [0.0]
    over = threading.Event()

    def insert() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(0.01):
                began = time.perf_counter()
                connection.execute(FILL.format(step=1, count=10))
                longest[0] = max(longest[0], time.perf_counter() - began)

    thread = threading.Thread(target=insert)
    thread.start()
    yield longest
    over.set()
    thread.join()


def by_partition(url: str, count: int) -> tuple[float, float, float]:
    """Seconds of a plain DROP TABLE, ours, and the longest that an insert took meanwhile."""
    fill(url, count, by_day=True)
    today = datetime.now(timezone.utc).date()
    old = [f"bench_logs_{today - timedelta(days=ago):%Y%m%d}" for ago in range(DAYS // 2 + 1, DAYS + 1)]
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute(f"DROP TABLE {', '.join(old)}")
        plain = time.perf_counter() - began
    fill(url, count, by_day=True)
    store = PostgresSink(url, table_prefix="bench", partition="day", retention_days=DAYS // 2).store()
    store._ensured = True  # type: ignore[attr-defined]
    with inserting(url) as longest:
        began = time.perf_counter()
        store.tidy(lambda: False, ())
        took = time.perf_counter() - began
    store.close()
    with psycopg.connect(url) as connection:
        (left,) = connection.execute("SELECT count(*) FROM bench_logs").fetchone() or (0,)
    assert left < count * 0.55, left
    return plain, took, longest[0]
