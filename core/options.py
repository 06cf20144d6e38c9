"""Options of the command line, written beside the fields of dataclasses that they fill. Light at import.

A field says in its metadata what its option is called and does, and what values it takes; its type and
default are those of the field. `add_options` makes the options of a dataclass, `from_options` the dataclass
of what was given, and `check_ranges` refuses the same values where a program makes it.
"""

import argparse
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from dataclasses import field as new_field
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from ..errors import InputError

_Made = TypeVar("_Made")
Parse = Callable[[str], Any]
#: Keys of a field's metadata.
_OPTION, _RANGE = "option", "range"
_NUMBERS = {int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class _Range:
    least: float
    above: float
    most: float
    unit: str

    def holds(self, value: float) -> bool:
        return self.least <= value <= self.most and value > self.above  # never of a NaN

    def words(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.above > -inf:
            most = f", and at most {self.most:.15g}" if self.most < inf else ""
            return f"above {self.above:g}{most}{unit}"
        if self.most < inf:
            return f"from {self.least:.15g} to {self.most:.15g}{unit}"
        return f"at least {self.least:g}{unit}"


@dataclass(frozen=True)
class _Option:
    help: str
    metavar: str | None
    names: tuple[str, ...]
    parse: Parse | None
    show: Callable[[Any], str]
    without_value: Any
    group: str
    fills: "Field[Any] | None"


def _shown(value: Any) -> str:
    """A default as a user would write it."""
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def option(
    help: str,
    metavar: str | None = None,
    *names: str,
    parse: Parse | None = None,
    show: Callable[[Any], str] = _shown,
    without_value: Any = None,
    group: str = "",
    fills: "Field[Any] | None" = None,
) -> dict[str, Any]:
    """Metadata of a field that is an option.

    Args:
        help: what it does. Its default follows in parentheses, or stands where ``{default}`` does;
            ``{alone}`` is ``without_value``.
        metavar: what stands for its value.
        names: of the option, if not that of the field, as ``--max-latency``.
        parse: makes a value of a word, and raises InputError or ValueError; None: as the field's type says.
        show: writes the default.
        without_value: what the option means without a value, if it may be without one.
        group: title of the group it is in.
        fills: the field of another dataclass, see `field_of`, which the value goes into in the end: its range
            holds, and help shows its default.
    """
    return {_OPTION: _Option(help, metavar, names, parse, show, without_value, group, fills)}


def changed(metadata: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Metadata of an option that differs from another one in some arguments of `option`."""
    return {_OPTION: replace(metadata[_OPTION], **changes)}


def within(least: float = -inf, most: float = inf, *, above: float = -inf, unit: str = "") -> dict[str, Any]:
    """Metadata of a field with a range: from ``least``, or above ``above``, to ``most``."""
    return {_RANGE: _Range(least, above, most, unit)}


def field_of(config: type, name: str) -> "Field[Any]":
    """A field of a dataclass."""
    return next(field for field in fields(config) if field.name == name)


def same_as(config: type, name: str) -> Any:
    """A field with the default, the range and the option of one of another dataclass."""
    other = field_of(config, name)
    return new_field(default=other.default, metadata=other.metadata)


def option_fields(config: type) -> "list[Field[Any]]":
    """The fields of a dataclass that are options."""
    return [field for field in fields(config) if _OPTION in field.metadata]


def filled(field: "Field[Any]") -> "Field[Any] | None":
    """The field of another dataclass that an option's value goes into in the end."""
    filled: Field[Any] | None = field.metadata[_OPTION].fills
    return filled


def add_options(parser: argparse._ActionsContainer, config: type) -> dict[str, argparse._ActionsContainer]:
    """Give a parser the options of a dataclass, in the order of its fields.

    Returns:
        The groups they are in, by title.
    """
    groups: dict[str, argparse._ActionsContainer] = {"": parser}
    for field in option_fields(config):
        title = field.metadata[_OPTION].group
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        add_option(groups[title], field)
    return groups


def add_option(parser: argparse._ActionsContainer, field: "Field[Any]") -> None:
    """Give a parser the option of one field."""
    chosen: _Option = field.metadata[_OPTION]
    kind, many, choices = _kind(field.type)
    settings: dict[str, Any] = {"dest": field.name, "default": _default(field)}
    if kind is bool:
        settings["action"] = "store_true"
    else:
        settings |= {"metavar": chosen.metavar, "choices": choices, "type": _parser(field, kind)}
    if many:
        settings["nargs"] = "+"
    if chosen.without_value is not None:
        settings |= {"nargs": "?", "const": chosen.without_value}
    parser.add_argument(*_names(field), help=_help(field), **settings)


def from_options(config: type[_Made], args: argparse.Namespace, **others: Any) -> _Made:
    """The dataclass of what was given, with the values of the fields that are no options.

    Raises:
        InputError: what the dataclass refuses.
    """
    given = {field.name: getattr(args, field.name) for field in option_fields(config)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return config(**given | others)


def check_ranges(config: Any) -> None:
    """For ``__post_init__``: that all fields are in their ranges; None is.

    Raises:
        InputError: one is not.
    """
    for field in fields(config):
        value, allowed = getattr(config, field.name), field.metadata.get(_RANGE)
        if allowed is None or value is None:
            continue
        if isinstance(value, str) or not allowed.holds(value):
            raise InputError(f"{field.name} must be {allowed.words()}, not {_shown(value)}")


def _names(field: "Field[Any]") -> tuple[str, ...]:
    return field.metadata[_OPTION].names or (f"--{field.name.replace('_', '-')}",)


def _default(field: "Field[Any]") -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


def _help(field: "Field[Any]") -> str:
    chosen: _Option = field.metadata[_OPTION]
    default = _default(chosen.fills or field)
    told = "" if default is None or default is False or default == "" else chosen.show(default)
    text = chosen.help if "{default}" in chosen.help or not told else f"{chosen.help} ({{default}})"
    words = {"{default}": told, "{alone}": _shown(chosen.without_value), "%": "%%"}
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _kind(hint: Any) -> tuple[Any, bool, tuple[Any, ...] | None]:
    """The type of one value, whether there may be several, and which ones are possible (None: any)."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(choice for choice in get_args(hint) if choice is not type(None))
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True, None
    if get_origin(hint) is Literal:
        return str, False, get_args(hint)
    return hint, False, None


def _parser(field: "Field[Any]", kind: Any) -> Parse:
    chosen: _Option = field.metadata[_OPTION]
    allowed: _Range | None = (chosen.fills or field).metadata.get(_RANGE)
    make = chosen.parse or kind
    if make in (str, Path):
        return make  # completion knows files by their type

    def parse(text: str) -> Any:
        try:
            value = make(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"'{text}' is not {_NUMBERS[kind]}") from error
        if allowed is not None and not isinstance(value, str) and not allowed.holds(value):
            raise argparse.ArgumentTypeError(f"must be {allowed.words()}, not {text}")
        return value

    return parse
