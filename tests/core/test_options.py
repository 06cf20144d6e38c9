"""Options out of dataclasses: names, types, defaults and ranges are those of the fields."""

import argparse
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any, Literal

import pytest

from lipstream import InputError
from lipstream.core.options import (
    add_options,
    changed,
    check_ranges,
    field_of,
    from_options,
    option,
    same_as,
    within,
)


def shout(text: str) -> str:
    if text == "hush":
        raise InputError("this is no shout")
    return text.upper()


@dataclass(frozen=True)
class Inner:
    wait_ms: float = field(default=250.0, metadata=within(above=0, most=1000, unit="ms"))


@dataclass(frozen=True)
class Oven:
    heat: float = field(default=180.0, metadata=option("how hot", "C") | within(20, 300, unit="C"))
    trays: int = field(default=2, metadata=option("{default} trays, 100% full", "N", "--tray") | within(1))
    fan: bool = field(default=False, metadata=option("blow"))
    door: Literal["left", "right"] = field(default="left", metadata=option("where it opens"))
    loaves: tuple[str, ...] = field(default=("rye", "oat"), metadata=option("of what", group="food"))
    name: str | None = field(
        default=None, metadata=option("its name ({alone} alone)", "NAME", parse=shout, without_value="X")
    )
    book: Path | None = field(default=None, metadata=option("recipes", "FILE"))
    wait: float | None = field(
        default=None, metadata=option("at most", "MS", fills=field_of(Inner, "wait_ms"))
    )
    inner: Inner = field(default_factory=Inner)
    wait_ms: float = same_as(Inner, "wait_ms")

    def __post_init__(self) -> None:
        check_ranges(self)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, Oven)
    return parser.parse_args(arguments)


def test_nothing_given_is_the_dataclass_itself() -> None:
    assert from_options(Oven, parsed()) == Oven()


def test_what_is_given_has_the_types_of_the_fields() -> None:
    given = "--heat 200 --tray 3 --fan --door right --loaves spelt --name loud --book b.txt --wait 9"
    assert from_options(Oven, parsed(*given.split()), inner=Inner(5.0)) == Oven(
        200.0, 3, True, "right", ("spelt",), "LOUD", Path("b.txt"), 9.0, Inner(5.0)
    )
    assert from_options(Oven, parsed("--name")).name == "X"


def test_the_help_tells_each_default_once() -> None:
    parser = argparse.ArgumentParser()
    groups = add_options(parser, Oven)
    assert set(groups) == {"", "food"}
    told = " ".join(parser.format_help().split())
    for words in (
        "how hot (180)",
        "2 trays, 100% full --fan",
        "where it opens (left)",
        "food: --loaves LOAVES [LOAVES ...] of what (rye oat)",
        "its name (X alone) --book",
        "at most (250)",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--heat 301", "must be from 20 to 300 C, not 301"),
        ("--heat nan", "must be from 20 to 300 C, not nan"),
        ("--heat warm", "'warm' is not a number"),
        ("--tray 0", "must be at least 1, not 0"),
        ("--tray 1.5", "'1.5' is not a whole number"),
        ("--wait 0", "must be above 0, and at most 1000 ms, not 0"),
        ("--name hush", "this is no shout"),
        ("--door up", "invalid choice: 'up'"),
    ],
)
def test_a_value_that_cannot_be_is_told_at_its_option(arguments: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentError, match=words) as told:
        parsed(*arguments.split())
    assert arguments.split()[0] in str(told.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"heat": 301.0}, "heat must be from 20 to 300 C, not 301"),
        ({"heat": nan}, "heat must be"),
        ({"trays": 0}, "trays must be at least 1, not 0"),
        ({"wait_ms": 0.0}, "wait_ms must be above 0, and at most 1000 ms"),
    ],
)
def test_the_same_value_is_refused_where_a_program_makes_it(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Oven(**values)


def test_an_option_may_differ_from_another_one_in_a_word() -> None:
    @dataclass
    class Grill:
        heat: int = field(default=1, metadata=changed(field_of(Oven, "heat").metadata, metavar="K"))

    parser = argparse.ArgumentParser()
    add_options(parser, Grill)
    assert "--heat K how hot (1)" in " ".join(parser.format_help().split())
