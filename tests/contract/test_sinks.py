"""What every sink promises, over the whole table."""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import Any

import pytest
from cordwood.formatters.text import TextFormatter
from cordwood.sinks import SINKS, DatabaseSink, PythonSink, Sink

MADE: dict[str, dict[str, Any]] = {
    "console": {"format": TextFormatter().spec()},
    "file": {"path": "logs/app.log", "format": TextFormatter().spec()},
    "journald": {},
    "memory": {},
    "postgres": {"url": "postgresql://app:secret@127.0.0.1:1/logs"},
    "sqlite": {"url": "sqlite:///logs/logs.db"},
    "syslog": {},
}


@pytest.fixture(params=sorted(SINKS))
def sink(request: pytest.FixtureRequest) -> Sink:
    return SINKS[request.param](**MADE[request.param])


def test_the_spec_is_json_that_names_its_kind(sink: Sink) -> None:
    assert isinstance(json.loads(sink.spec())["kind"], str)


def test_the_identity_is_the_target_and_stays(sink: Sink) -> None:
    assert sink.identity
    assert sink.identity == sink.identity


def test_only_a_sink_that_python_runs_has_a_write_method_or_a_store(sink: Sink) -> None:
    by_python = json.loads(sink.spec())["kind"] == "python"
    assert isinstance(sink, PythonSink | DatabaseSink) == by_python
    assert not isinstance(sink, PythonSink) or sink.local
    assert not isinstance(sink, DatabaseSink) or not sink.local


def test_no_sink_shows_a_password(sink: Sink) -> None:
    assert "secret" not in sink.identity + sink.spec() + repr(sink)


def test_options_cannot_be_changed_behind_the_spool(sink: Sink) -> None:
    name = dataclasses.fields(sink)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(sink, name, None)


def test_the_module_says_in_three_sentences_what_it_promises(sink: Sink) -> None:
    lines = (inspect.getdoc(inspect.getmodule(type(sink))) or "").splitlines()
    assert len([line for line in lines if line]) in {2, 3}


def test_the_options_of_a_file_never_change_its_identity() -> None:
    one, other = (SINKS["file"](**MADE["file"], max_bytes=size) for size in (1, 2))  # type: ignore[call-arg]
    assert one.identity == other.identity
    assert one.spec() != other.spec()
