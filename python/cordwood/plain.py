"""Dataclasses that cost no start-up.

`dataclasses` loads `inspect`, and writes and compiles several functions for each class: together that takes longer than
all else that happens at `import cordwood; cordwood.configure`. What it would compile stands here once. To everybody
else the classes are dataclasses: `fields`, `replace`, `asdict`, `inspect.signature` answer as they would.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    import dataclasses

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """Something that type checkers alone look at."""
        return lambda cls: cls


__all__ = ["Field", "Frozen", "Plain", "changed", "dataclass_transform"]

_PlainT = TypeVar("_PlainT", bound="Plain")
_NEEDED = object()


class Field:
    """What a class says of a field, where that is more than its default.

    Args:
        default: its value where none is given; without it and `make` one is needed.
        make: makes that value anew for each instance.
        metadata: as in `dataclasses.field`.
    """

    __slots__ = ("default", "make", "metadata", "type")

    def __init__(
        self,
        default: object = _NEEDED,
        make: Callable[[], object] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.default = default
        self.make = make
        self.metadata: Mapping[str, Any] = metadata or {}
        self.type = ""  # as it is annotated

    @property
    def is_needed(self) -> bool:
        """Whether there is no value unless one is given."""
        return self.default is _NEEDED and self.make is None

    def value(self) -> object:
        """The value where none is given."""
        return self.default if self.make is None else self.make()


class _AsDataclass:
    """An attribute of a class that `dataclasses` or `inspect` looks for, made when it does."""

    def __init__(self, find: Callable[[type], object]) -> None:
        self._find = find

    def __get__(self, _: object, owner: Any) -> object:
        return self._find(_as_dataclass(owner))


@functools.cache
def _as_dataclass(cls: Any) -> type:
    import dataclasses

    made = []
    for name, field in cls.plain_fields.items():
        options: dict[str, Any] = {"metadata": field.metadata}
        if field.make is not None:
            options["default_factory"] = field.make
        elif not field.is_needed:
            options["default"] = field.default
        made.append((name, field.type, dataclasses.field(**options)))
    return dataclasses.make_dataclass(cls.__name__, made)


def _fields(made: type) -> object:
    return vars(made)["__dataclass_fields__"]


def _signature(made: type) -> object:
    import inspect

    return inspect.signature(made)


class Plain:  # noqa: PLW1641 they change; `Frozen` has a hash
    """The base of `Frozen` and of whatever else is a dataclass at start-up. Fields are those annotated in the class."""

    plain_fields: ClassVar[dict[str, Field]] = {}
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __init_subclass__(cls) -> None:
        own: dict[str, Field] = {}
        for name, written in cls.__annotations__.items():
            if not written.startswith("ClassVar"):
                given = vars(cls).get(name, _NEEDED)
                own[name] = given if isinstance(given, Field) else Field(given)
                if own[name].default is not _NEEDED:
                    setattr(cls, name, own[name].default)
                elif given is not _NEEDED:
                    delattr(cls, name)
                own[name].type = written
        cls.plain_fields = {**cls.plain_fields, **own}
        cls.__match_args__ = tuple(cls.plain_fields)  # type: ignore[attr-defined,misc]
        cls.__dataclass_fields__ = _AsDataclass(_fields)  # type: ignore[assignment]
        cls.__signature__ = _AsDataclass(_signature)  # type: ignore[attr-defined]

    def __init__(self, *given: Any, **named: Any) -> None:
        fields = self.plain_fields
        values = dict(zip(fields, given, strict=False))
        wrong = [name for name in named if name not in fields or name in values]
        if wrong or len(given) > len(fields):
            raise TypeError(f"{type(self).__name__}() got {', '.join(wrong) or 'an argument'} too much")
        values = {**values, **named}
        for name, field in fields.items():
            if name not in values and field.is_needed:
                raise TypeError(f"{type(self).__name__}() needs {name}")
            self._fill(name, values[name] if name in values else field.value())
        self.__post_init__()

    def _fill(self, name: str, value: object) -> None:
        vars(self)[name] = value

    def __post_init__(self) -> None:
        """What a class adds to the making of an instance."""

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__qualname__}({shown})"


@dataclass_transform(frozen_default=True)
class Frozen(Plain):
    """One whose fields nobody assigns to."""

    def __setattr__(self, name: str, value: object) -> None:
        import dataclasses

        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        import dataclasses

        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))


def changed(thing: _PlainT, **fields: object) -> _PlainT:
    """A copy with other values in some fields."""
    return type(thing)(**{**vars(thing), **fields})
