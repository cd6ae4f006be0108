"""Cordwood's own figures for Prometheus: a collector for the application's registry, and a small endpoint.

from prometheus_client import REGISTRY
REGISTRY.register(Collector(cordwood.stats))     # the application has an endpoint

serve(cordwood.stats, port=9464)                 # it has none
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cordwood.errors import MissingExtraError

try:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector as _Collector
except ImportError:
    raise MissingExtraError("cordwood.integrations.prometheus", 'pip install "cordwood[prometheus]"') from None


@dataclass(frozen=True)
class Figure:
    """One metric.

    Args:
        name: as Prometheus shows it.
        kind: `counter` or `gauge`.
        help: what it counts.
        group: where it stands in `cordwood.stats()`: by spool, by Python-run sink, by database, or once a process.
        key: its name there.
        label: for a figure that is a mapping itself: the label its keys become.
    """

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    group: Literal["spools", "sinks", "databases", ""]
    key: str
    label: str = ""


METRICS = (
    Figure("cordwood_records_accepted_total", "counter", "Records taken by this process.", "spools", "accepted"),
    Figure("cordwood_records_refused_total", "counter", "Records not taken: the spool was full.", "spools", "refused"),
    Figure("cordwood_records_undelivered", "gauge", "Records of this process that wait.", "spools", "undelivered"),
    Figure(
        "cordwood_records_dropped_total", "counter", "Records given up, all processes.", "spools", "dropped", "reason"
    ),
    Figure("cordwood_spool_bytes", "gauge", "Size of the spool, all processes.", "spools", "spool_bytes"),
    Figure("cordwood_spool_leader", "gauge", "Process that delivers the files; 0 for none.", "spools", "leader"),
    Figure(
        "cordwood_terminal_skipped_total", "counter", "Lines a stopped terminal missed.", "spools", "terminal_skipped"
    ),
    Figure("cordwood_sink_delivered_total", "counter", "Records a sink took.", "sinks", "delivered"),
    Figure("cordwood_sink_failed_writes_total", "counter", "Batches a sink refused.", "sinks", "failed_writes"),
    *(
        Figure(f"cordwood_database_{name}", "counter" if name.endswith("_total") else "gauge", text, "databases", key)
        for name, key, text in (
            ("delivered_total", "delivered", "Rows committed since this sender began."),
            ("batches_total", "batches", "Transactions committed."),
            ("rows_per_second", "rows_per_second", "Rows a second while it writes."),
            ("failed_writes_total", "failed_writes", "Batches that failed; they come again."),
            ("retries_total", "retries", "Attempts after a failure."),
            ("waiting", "waiting", "Records of all processes that wait."),
            ("lag_seconds", "lag_seconds", "Age of the oldest record that waits."),
            ("commit_delay_seconds", "last_lag", "From a log call to its commit, in the last batch."),
            ("connected", "connected", "1 while the last batch was committed, else 0."),
            ("sender", "sender", "Process that delivers; 0 for none."),
            ("leads", "leads", "1 in the process that delivers."),
            ("given_up_total", "given_up", "Records given up: the spool was full."),
            ("quarantined_total", "quarantined", "Records refused whatever was tried."),
            ("quarantine_failures_total", "quarantine_failures", "Times that these could not be kept."),
            ("unkept_total", "unkept", "Of these, records that nothing could keep."),
            ("cut_total", "cut", "Texts wider than their column."),
            ("removed_total", "removed", "Rows removed by retention."),
            ("fallback_total", "fallback", "Records of this process printed meanwhile."),
            ("fallback_skipped_total", "fallback_skipped", "Records no console took meanwhile."),
        )
    ),
    Figure("cordwood_records_suppressed_total", "counter", "Records held back by rate limits.", "", "suppressed"),
)
"""Every metric there is; the dashboard in docs/grafana.json knows no other."""

_LABELS = {"spools": "spool", "sinks": "sink", "databases": "database"}


class Collector(_Collector):
    """Cordwood's figures at the moment they are asked for: for `registry.register(...)`.

    Args:
        stats: `cordwood.stats`.
    """

    def __init__(self, stats: Callable[[], Mapping[str, Any]]) -> None:
        self._stats = stats

    def describe(self) -> Iterator[Metric]:
        """The metrics' names, so that registering asks for no figures."""
        for figure in METRICS:
            yield _family(figure)

    def collect(self) -> Iterator[Metric]:
        """The metrics with their figures."""
        stats = self._stats()
        for figure in METRICS:
            family = _family(figure)
            for labels, value in _values(figure, stats):
                family.add_metric(labels, value)
            yield family


def _family(figure: Figure) -> Any:
    labels = [name for name in (_LABELS.get(figure.group, ""), figure.label) if name]
    family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    return family(figure.name, figure.help, labels=labels)


def _values(figure: Figure, stats: Mapping[str, Any]) -> Iterator[tuple[list[str], float]]:
    holders = {"": stats} if not figure.group else stats.get(figure.group, {})
    for holder, figures in holders.items():
        value = figures.get(figure.key)
        labels = [holder] if figure.group else []
        if figure.label:
            for name, one in (value or {}).items():
                yield [*labels, name], float(one)
        elif value is not None:
            yield labels, float(value)


class Endpoint:
    """A running endpoint.

    Attributes:
        url: where Prometheus finds the figures.
    """

    def __init__(self, server: Any, thread: Any) -> None:
        self._server = server
        self._thread = thread
        self.url = "http://{}:{}/metrics".format(*server.server_address[:2])

    def close(self) -> None:
        """Stop it and free its port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serve(stats: Callable[[], Mapping[str, Any]], port: int = 9464, host: str = "127.0.0.1") -> Endpoint:
    """Offer Cordwood's figures, and nothing else, over HTTP, from a thread of its own.

    Args:
        stats: `cordwood.stats`.
        port: 0 takes a free one.
        host: the address to listen on; this machine alone unless told otherwise.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(Collector(stats))
    return Endpoint(*start_http_server(port, addr=host, registry=registry))
