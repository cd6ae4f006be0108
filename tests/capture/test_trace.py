"""The current trace of OpenTelemetry."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from cordwood.capture.trace import current_trace


def test_nothing_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not imported for the sake of logging."""
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    assert current_trace() is None
    assert "opentelemetry.trace" not in sys.modules


def test_the_ids_of_a_real_span() -> None:
    """In hexadecimal, of the W3C's widths; none outside."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    assert current_trace() is None
    with sdk.TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        found = span.get_span_context()
        assert current_trace() == {
            "trace_id": f"{found.trace_id:032x}",
            "span_id": f"{found.span_id:016x}",
            "trace_flags": f"{found.trace_flags:02x}",
        }
    assert current_trace() is None


@pytest.mark.parametrize("broken", [SimpleNamespace(), SimpleNamespace(get_current_span=lambda: 1 / 0), None])
def test_a_broken_tracer_is_no_trace(monkeypatch: pytest.MonkeyPatch, broken: object) -> None:
    """Whatever a tracer does, the log call goes on."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", broken)
    assert current_trace() is None
