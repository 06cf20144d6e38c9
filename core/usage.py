"""How the command line reads its words: bad usage is one line, which names what was probably meant."""

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

from ..errors import InputError


class CommandParser(argparse.ArgumentParser):
    """A parser, and what makes those of its commands.

    It tells bad usage as an InputError, which points to the help of the command that it is about. Where a
    command needs another word and gets none, it shows its help.
    """

    def error(self, message: str) -> NoReturn:
        """Tell of bad usage.

        Raises:
            InputError: always.
        """
        raise InputError(f"{message} (see {self.prog} --help)")

    def add_subparsers(self, **settings: Any) -> Any:
        """As argparse's; without any of the words it shows its help, unless it has something else to run."""
        if self.get_default("run") is None:
            self.set_defaults(run=self._show_help)
        return super().add_subparsers(**settings | {"required": False})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but knows what belongs to which command: nothing is left for the one above."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            named = next((word for word in unknown if word.startswith("-")), None)
            if named is None:
                self.error(f"unexpected: {' '.join(unknown)}")
            option = named.partition("=")[0]
            options = (name for action in self._actions for name in action.option_strings)
            self.error(f"no option {option}{meant(option, options)}")
        return namespace, unknown

    def commands(self) -> dict[str, "CommandParser"]:
        """The parsers of its commands, by their names."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}

    def every_action(self) -> list[argparse.Action]:
        """What it takes, and what its commands take."""
        below = [action for command in self.commands().values() for action in command.every_action()]
        return [*self._actions, *below]

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        # As of a shell's variable that is not set; a path of it would be the folder where one is.
        # A default comes here too.
        if arg_string == "" != action.default and not isinstance(action, argparse._SubParsersAction):
            raise argparse.ArgumentError(action, "must not be empty")
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            self.error(f"no command {value!r}{meant(value, action.choices)}")
        super()._check_value(action, value)

    def _show_help(self, args: argparse.Namespace) -> int:
        self.print_help()
        return 0


def meant(word: str, known: Iterable[str]) -> str:
    """``, did you mean NAME?`` of what is nearest to a word; empty where nothing is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else ""
