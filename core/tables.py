"""Dataclasses from tables of TOML or JSON: errors name the key and what is allowed."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import InputError

_Made = TypeVar("_Made")

_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
_PLURALS = {int: "whole numbers", float: "numbers", str: "strings"}


def from_table(kind: type[_Made], table: Mapping[str, Any], where: str, base: _Made | None = None) -> _Made:
    """A dataclass whose fields are the keys of a table, as its type hints say.

    Tables in it are dataclasses, arrays are tuples, whole numbers do for numbers. Type hints may be built of
    bool, int, float, str, ``Literal``, tuples, ``dict[str, ...]``, dataclasses, and ``None`` beside one of
    them.

    Args:
        kind: the dataclass.
        table: its fields; those that are not named keep what ``base`` has, or else their defaults.
        where: the table's place, in front of the message of an error: a file, a section.
        base: what the table changes.

    Raises:
        InputError: an unknown key, one that is missing, or a value of another type or out of its range.
    """
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}': known keys are {', '.join(known)}")
    values = {
        name: _value(hints[name], value, name, where, getattr(base, name, None))
        for name, value in table.items()
    }
    try:
        return kind(**values) if base is None else replace(base, **values)  # type: ignore[type-var]
    except TypeError as error:
        raise InputError(f"{where}: a key is missing ({error})") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, name: str, where: str, base: Any) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise _wrong(hint, value, name, where)
        assert isinstance(hint, type)
        return from_table(hint, value, f"{where} [{name}]", base if isinstance(base, hint) else None)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for choice in inner:
            if choice is type(None):
                if value is None:
                    return None
            elif _fits(choice, value):
                return _value(choice, value, name, where, base)
        raise _wrong(hint, value, name, where)
    if not _fits(hint, value):
        raise _wrong(hint, value, name, where)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_value(kind, item, name, where, None) for kind, item in zip(kinds, value, strict=True))
    if origin is dict:
        return {key: _value(inner[1], item, f"{name}.{key}", where, None) for key, item in value.items()}
    return float(value) if hint is float else value


def _fits(hint: Any, value: Any) -> bool:
    """Whether a value is of a type, as far as one can see from outside of tables and arrays of tables."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if is_dataclass(hint) or origin is dict:
        return isinstance(value, Mapping)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False
        if inner[-1] is Ellipsis:
            return all(_fits(inner[0], item) for item in value)
        return len(value) == len(inner) and all(map(_fits, inner, value))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _wrong(hint: Any, value: Any, name: str, where: str) -> InputError:
    return InputError(f"{where}: {name} must be {_allowed(hint)}, not {value!r}")


def _allowed(hint: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin in (Union, types.UnionType):
        return " or ".join(_allowed(choice) for choice in inner if choice is not type(None))
    if origin is tuple:
        count = "" if inner[-1] is Ellipsis else f"{len(inner)} "
        return f"an array of {count}{_PLURALS.get(inner[0], 'tables')}"
    if origin is dict:
        return f"a table of {_PLURALS.get(inner[1], 'values')}"
    return _NAMES.get(hint, "a table")
