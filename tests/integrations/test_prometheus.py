"""Prometheus sees our figures, in the application's registry and at an endpoint; the dashboard asks for no other."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import cordwood
import httpx
import pytest
from cordwood.integrations.prometheus import METRICS, Collector, serve
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.logged import Logged

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_C7_the_figures_are_those_of_stats(logged: Logged) -> None:
    registry = CollectorRegistry()
    registry.register(Collector(cordwood.stats))
    log = logging.getLogger("shop")
    for _ in range(5):
        log.info("x")
    logged.records()
    stats: dict[str, dict[str, dict[str, object]]] = cordwood.stats()  # type: ignore[assignment]
    found = samples(generate_latest(registry).decode())
    ((spool, figures),) = stats["spools"].items()
    ((sink, _),) = stats["sinks"].items()
    assert figures["accepted"] == 5
    assert found["cordwood_records_accepted_total", (("spool", spool),)] == 5
    assert found["cordwood_records_undelivered", (("spool", spool),)] == 0
    assert found["cordwood_sink_delivered_total", (("sink", sink),)] == 5
    assert ("cordwood_records_suppressed_total", ()) in found
    for reason in figures["dropped"]:  # type: ignore[attr-defined]
        assert found["cordwood_records_dropped_total", (("reason", reason), ("spool", spool))] == 0
    wanted = {figure.name for figure in METRICS if figure.group != "databases"}
    assert {name for name, _ in found} == wanted, "every figure of the table is in stats()"


def test_every_number_of_stats_is_a_metric(logged: Logged) -> None:
    logging.getLogger("shop").info("x")
    logged.records()
    known = {(figure.group, figure.key) for figure in METRICS}
    stats = cordwood.stats()
    for group in ("spools", "sinks"):
        for figures in stats[group].values():  # type: ignore[attr-defined]
            numbers = {key for key, value in figures.items() if isinstance(value, (int, float, dict))}
            assert {(group, key) for key in numbers} <= known


def test_C7_the_endpoint_serves_them_until_it_is_closed() -> None:
    endpoint = serve(lambda: {"spools": {}, "sinks": {}, "suppressed": 3}, port=0)
    try:
        assert samples(httpx.get(endpoint.url).text) == {("cordwood_records_suppressed_total", ()): 3}
    finally:
        endpoint.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(endpoint.url)


def test_C7_every_metric_of_the_dashboard_is_in_the_table_and_the_other_way_round() -> None:
    text = DASHBOARD.read_text(encoding="utf-8")
    panels = json.loads(text)["panels"]
    asked = {
        name for panel in panels for target in panel["targets"] for name in re.findall(r"cordwood_\w+", target["expr"])
    }
    assert asked == {figure.name for figure in METRICS}
    assert set(re.findall(r"cordwood_\w+", text)) == asked, "in its variables too"


def test_labels_of_the_dashboard_are_those_of_the_metrics() -> None:
    grouped = re.findall(r"by \(([\w, ]+)\)", DASHBOARD.read_text(encoding="utf-8"))
    labels = {label.strip() for group in grouped for label in group.split(",")}
    assert labels <= {"job", "spool", "sink", "database", "reason"}
