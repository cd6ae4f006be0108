"""What every format promises, over the whole table."""

from __future__ import annotations

import dataclasses
import json

import pytest
from cordwood.formatters import FORMATS, Formatter


@pytest.fixture(params=sorted(FORMATS))
def formatter(request: pytest.FixtureRequest) -> Formatter:
    return FORMATS[request.param]()


def test_the_spec_is_plain_json_that_names_its_kind(formatter: Formatter) -> None:
    spec = formatter.spec()
    assert json.loads(json.dumps(spec)) == spec
    assert spec["kind"] in {"text", "json"}


def test_options_cannot_be_changed_once_made(formatter: Formatter) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(formatter, dataclasses.fields(formatter)[0].name, "x")  # type: ignore[arg-type]
