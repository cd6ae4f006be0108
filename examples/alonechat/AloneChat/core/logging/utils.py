"""Logging utilities and helpers."""

from __future__ import annotations

from cordwood import ExceptionLogger, LogTimer, MetricsCollector, RequestLogger, timed

__all__ = ["ExceptionLogger", "LogTimer", "MetricsCollector", "RequestLogger", "timed"]
