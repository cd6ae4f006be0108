"""Dataclasses that cost no start-up are dataclasses to everybody else."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from cordwood.config import FileConfig, LogConfig
from cordwood.plain import Field, Frozen, changed


class Point(Frozen):
    """Two fields and what is none."""

    kind: ClassVar[str] = "point"

    x: int
    y: int = 2
    tags: list[str] = Field(make=list)  # type: ignore[assignment]


def test_arguments_are_taken_by_place_and_by_name() -> None:
    assert (Point(1).y, Point(1, 3).y, Point(y=4, x=1).y) == (2, 3, 4)


@pytest.mark.parametrize(("given", "named"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2})])
def test_arguments_that_do_not_fit_are_refused(given: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point"):
        Point(*given, **named)  # type: ignore[arg-type]


def test_a_value_is_made_anew_for_each_instance() -> None:
    assert Point(1).tags is not Point(1).tags


def test_equal_values_of_one_class_are_equal() -> None:
    class Other(Point):
        pass

    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)


def test_a_frozen_one_can_be_a_key_and_cannot_be_changed() -> None:
    point = Point(1, 2, ())  # type: ignore[arg-type]  # a list has no hash
    assert hash(point) == hash(Point(1, 2, ()))  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x


def test_a_copy_may_differ_in_some_fields() -> None:
    assert changed(Point(1), y=5) == dataclasses.replace(Point(1), y=5) == Point(1, 5)
    assert copy.deepcopy(Point(1)) == pickle.loads(pickle.dumps(Point(1))) == Point(1)


def test_dataclasses_and_inspect_see_a_dataclass() -> None:
    assert [field.name for field in dataclasses.fields(Point)] == ["x", "y", "tags"]
    assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 2, "tags": []}
    assert list(inspect.signature(LogConfig).parameters)[:2] == ["level", "log_dir"]
    assert inspect.signature(FileConfig).parameters["name"].default == "app.log"
    match Point(1, 3):
        case Point(x, y):
            assert (x, y) == (1, 3)
    assert dataclasses.is_dataclass(Point)


def test_configuring_loads_nothing_that_is_felt_at_start_up(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import cordwood; cordwood.configure(console_output=False);"
        "heavy = {'dataclasses', 'inspect', 'pathlib', 'datetime', 'yaml', 'platformdirs'};"
        "heavy &= set(sys.modules) - before; assert not heavy, heavy"
    )
    # Where records of other folders may wait: there is none as a rule.
    environment = {"PYTHONPATH": ":".join(sys.path), "XDG_STATE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
