"""Dataclasses from tables: what fits is taken, what does not is told by its key and what is allowed."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from lipstream.core.tables import from_table
from lipstream.errors import InputError


@dataclass(frozen=True)
class Inner:
    size: int = 1
    gain: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError("size must be at least 1")


@dataclass(frozen=True)
class Outer:
    name: str
    kind: Literal["a", "b"] = "a"
    on: bool = False
    span: tuple[float, float] = (0.0, 1.0)
    parts: tuple[Inner, ...] = ()
    inner: Inner = field(default_factory=lambda: Inner(size=5))
    maybe: Inner | None = None
    places: str | tuple[str, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    free: dict[str, Any] = field(default_factory=dict)


def test_a_table_becomes_what_its_keys_say() -> None:
    table = {
        "name": "x",
        "kind": "b",
        "span": [1, 2],
        "parts": [{"size": 2}, {"gain": 3}],
        "inner": {"gain": 2},
        "maybe": {"size": 4},
        "places": ["a", "b"],
        "weights": {"one": 1},
        "free": {"any": [1]},
    }
    made = from_table(Outer, table, "file")
    assert made == Outer(
        "x",
        "b",
        span=(1.0, 2.0),
        parts=(Inner(2), Inner(gain=3.0)),
        inner=Inner(gain=2.0),
        maybe=Inner(4),
        places=("a", "b"),
        weights={"one": 1.0},
        free={"any": [1]},
    )
    assert isinstance(made.span[0], float)
    assert isinstance(made.weights["one"], float)


def test_what_is_not_named_stays_as_it_was() -> None:
    base = Outer("x", maybe=Inner(size=7, gain=2.0))
    made = from_table(Outer, {"inner": {"gain": 2.0}, "maybe": {"size": 8}}, "file", base)
    assert made == Outer("x", inner=Inner(5, 2.0), maybe=Inner(8, 2.0))
    assert from_table(Outer, {"maybe": None}, "file", base) == Outer("x")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, "file: a key is missing .*'name'"),
        ({"nam": "x"}, "file: unknown key 'nam': known keys are name, kind, on"),
        ({"name": 3}, "file: name must be a string, not 3"),
        ({"kind": "c"}, "file: kind must be one of 'a', 'b', not 'c'"),
        ({"on": 1}, "on must be true or false, not 1"),
        ({"span": [1.0]}, r"span must be an array of 2 numbers, not \[1.0\]"),
        ({"span": "wide"}, "span must be an array of 2 numbers, not 'wide'"),
        ({"parts": [1]}, r"parts must be an array of tables, not \[1\]"),
        ({"inner": 1}, "inner must be a table, not 1"),
        ({"inner": {"size": 1.5}}, r"file \[inner\]: size must be a whole number, not 1.5"),
        ({"inner": {"size": True}}, r"file \[inner\]: size must be a whole number, not True"),
        ({"inner": {"size": 0}}, r"file \[inner\]: size must be at least 1"),
        ({"maybe": False}, "maybe must be a table, not False"),
        ({"places": [1]}, r"places must be a string or an array of strings, not \[1\]"),
        ({"weights": [["a", 1]]}, "weights must be a table of numbers"),
        ({"weights": {"a": "b"}}, "weights.a must be a number, not 'b'"),
    ],
)
def test_what_does_not_fit_is_told(table: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        from_table(Outer, table, "file")
