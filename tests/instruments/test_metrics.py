"""MetricsCollector: counts are exact, percentiles within one per cent, memory bounded, from any thread."""

from __future__ import annotations

import math
import os
import random
import statistics
import threading

import pytest
from cordwood import MetricsCollector
from cordwood.instruments import metrics as module

from tests.logged import Logged


def test_L5_the_summary_is_one_record_a_metric(logged: Logged) -> None:
    metrics = MetricsCollector()
    metrics.increment("requests.total")
    metrics.increment("requests.total", 2)
    metrics.increment("requests.errors")
    metrics.record_timing("request.duration", 0.123)
    metrics.log_summary()
    assert logged.messages() == [
        "counter requests.errors: 1",
        "counter requests.total: 3",
        "timing request.duration: count 1, min 0.123000 s, mean 0.123000 s, max 0.123000 s, "
        "p50 0.123000 s, p95 0.123000 s, p99 0.123000 s",
    ]
    assert logged.records()[1].fields == {"metric": "requests.total", "value": 3}
    assert logged.records()[2].fields["p99"] == 0.123
    assert {record.function for record in logged.records()} == {"test_L5_the_summary_is_one_record_a_metric"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_percentiles_are_within_one_per_cent(seed: int) -> None:
    source = random.Random(seed)
    values = sorted(source.lognormvariate(-4, 2) for _ in range(20_000))
    metrics = MetricsCollector()
    for value in values:
        metrics.record_timing("t", value)
    timing = metrics.timings()["t"]
    assert timing["count"] == 20_000
    assert (timing["min"], timing["max"]) == (values[0], values[-1])
    assert timing["mean"] == pytest.approx(statistics.fmean(values))
    assert timing["p50"] == pytest.approx(values[9_999], rel=0.0101)
    assert timing["p95"] == pytest.approx(values[18_999], rel=0.0101)
    assert timing["p99"] == pytest.approx(values[19_799], rel=0.0101)


def test_a_timing_takes_bounded_memory() -> None:
    """However far apart the durations: no more buckets than the histogram's text says."""
    histogram = module.Histogram()
    for exponent in range(-3000, 3000):
        histogram.add(math.exp(exponent / 10))
    histogram.add(0)
    for exponent in range(-20_000, 20_000):
        histogram.add(module._GAMMA ** min(exponent / 10, 3000))
    assert len(histogram._buckets) <= 2095


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_what_is_no_duration_is_reported_and_left_out(bad: float, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = MetricsCollector()
    metrics.record_timing("t", bad)
    assert metrics.timings() == {}
    assert "metric t: " in capsys.readouterr().err


def test_names_made_from_data_do_not_fill_the_memory(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = MetricsCollector()
    for number in range(module.MAX_NAMES + 10):
        metrics.increment(f"user.{number}")
    assert len(metrics.counters()) == module.MAX_NAMES + 1
    assert metrics.counters()[module.OTHER] == 10
    assert "more than 1000 metrics" in capsys.readouterr().err


def test_no_count_of_any_thread_is_lost() -> None:
    metrics = MetricsCollector()

    def work() -> None:
        for _ in range(5000):
            metrics.increment("n")
            metrics.record_timing("t", 0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.counters() == {"n": 20_000}
    assert metrics.timings()["t"]["count"] == 20_000
    metrics.reset()
    assert metrics.counters() == {}
    assert metrics.timings() == {}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_forked_while_a_thread_counts_can_count() -> None:
    metrics = MetricsCollector()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with metrics._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        metrics.increment("n")
        os._exit(0 if metrics.counters() == {"n": 1} else 1)
    assert os.waitpid(child, 0)[1] == 0
    done.set()
    thread.join()
