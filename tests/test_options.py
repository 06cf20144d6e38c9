"""Every option that fills a dataclass is that of its field: its name, its default, and its range."""

from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any

import pytest

from lipstream.bench.evaluation.config import EvaluateConfig
from lipstream.cli import _parser
from lipstream.core.options import filled, option_fields
from lipstream.core.usage import CommandParser
from lipstream.stream.app.config import AppConfig
from lipstream.stream.commands.live_settings import LiveSettings
from lipstream.stream.corpus.settings import Settings
from lipstream.stream.file_options import FileOptions
from lipstream.stream.live.config import LiveConfig
from lipstream.stream.serve.config import Limits, ServeConfig
from lipstream.train.plans import SamplePlan, SetPlan

FILLED: list[tuple[str, type]] = [
    ("enhance", FileOptions),
    ("live", LiveSettings),
    ("live", LiveConfig),
    ("corpus", Settings),
    ("serve", ServeConfig),
    ("serve", Limits),
    ("app", AppConfig),
    ("evaluate", EvaluateConfig),
    ("data sample", SamplePlan),
    ("data mix", SetPlan),
]
OPTIONS = [(command, config, field) for command, config in FILLED for field in option_fields(config)]


@cache
def _whole() -> CommandParser:
    return _parser()


def parser_of(command: str) -> CommandParser:
    parser = _whole()
    for word in command.split():
        parser = parser.commands()[word]
    return parser


@pytest.mark.parametrize(
    ("command", "config", "field"),
    OPTIONS,
    ids=[f"{command} {config.__name__}.{field.name}" for command, config, field in OPTIONS],
)
def test_a_field_is_an_option_and_its_default_stands_in_the_help(
    command: str, config: type, field: "Field[Any]"
) -> None:
    (action,) = (
        action
        for action in parser_of(command)._actions
        if action.dest == field.name and not (action.const == "none" and action.nargs == 0)
    )
    default = None if field.default is MISSING else field.default
    assert action.default == default
    told = (filled(field) or field).default
    if isinstance(told, int | float) and not isinstance(told, bool) and told not in (0.0, float("inf")):
        number = "strong" if field.name in ("strength", "atten_limit_db") else f"{told:g}"
        assert number in str(action.help)
    elif isinstance(told, str) and told:
        assert told in str(action.help)


def test_whatever_a_command_of_live_can_remember_is_an_option() -> None:
    assert option_fields(LiveSettings) == list(fields(LiveSettings))
    whose = [one.name for field in fields(LiveSettings) if (one := filled(field)) is not None]
    asked = {field.name for field in option_fields(LiveConfig)}
    assert sorted([*whose, *asked]) == sorted(field.name for field in fields(LiveConfig))
