"""The current trace of OpenTelemetry, where the application uses it."""

from __future__ import annotations

import sys


def current_trace() -> dict[str, str] | None:
    """`trace_id`, `span_id` and `trace_flags` in the W3C's hexadecimal form, or None outside any span.

    Looks only where `opentelemetry.trace` is loaded already, and never raises.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    try:
        span = trace.get_current_span().get_span_context()
        fields = {
            "trace_id": f"{span.trace_id:032x}",
            "span_id": f"{span.span_id:016x}",
            "trace_flags": f"{span.trace_flags:02x}",
        }
        valid = span.is_valid
    except Exception:  # noqa: BLE001 a tracer of any make, perhaps half imported: the record matters more
        return None
    return fields if valid else None
