"""What synthetic voices say: sentences drawn from small grammars, or lines of a text file.

A grammar is a text file of rules, one a line, ``name: one | another``. An alternative is drawn with equal
chance, or ``*3`` at its end makes it three times as likely; ``{name}`` in it is replaced by what that rule
gives, ``{#1-99}`` by a number. Sentences come from the rule ``start``. They need not make sense: what counts
is that all sounds of a language meet all others, as questions and statements, short and long.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import numpy as np

from ...errors import InputError

LANGUAGES = ("en", "es", "fr", "hi", "it", "pt")
_SLOT = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"#(\d+)-(\d+)")
_TIMES = re.compile(r"\s\*(\d+)$")
_END = ".?!।"
#: Rules within rules deeper than this are a circle.
_DEEPEST = 20
#: Lines of a text file shorter or longer than this are passed over, in characters.
_LINE = (8, 300)


class Texts(Protocol):
    """Gives sentences."""

    def draw(self, rng: np.random.Generator) -> str:
        """One sentence, with its end mark."""


class Grammar:
    """Sentences by rules.

    Args:
        rules: the text of a grammar.
        name: of the grammar, for messages.

    Raises:
        InputError: a line is no rule, a rule is named but not there, or there is no ``start``.
    """

    def __init__(self, rules: str, name: str = "the grammar") -> None:
        self._rules: dict[str, list[str]] = {}
        for number, line in enumerate(rules.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            rule, colon, alternatives = line.partition(":")
            if not colon or not rule.strip().isidentifier():
                raise InputError(f"{name}, line {number}: a rule is written 'name: one | another'")
            for alternative in map(str.strip, alternatives.split(" | ")):
                times = _TIMES.search(alternative)
                text = _TIMES.sub("", alternative)
                self._rules.setdefault(rule.strip(), []).extend([text] * (int(times[1]) if times else 1))
        named = {slot for texts in self._rules.values() for text in texts for slot in _SLOT.findall(text)}
        missing = sorted(slot for slot in named | {"start"} if slot not in self._rules and slot[0] != "#")
        if missing:
            raise InputError(f"{name} has no rule '{missing[0]}'")
        self._name = name

    def draw(self, rng: np.random.Generator) -> str:
        """One sentence, with its end mark."""
        text = self._expand("start", rng, 0)
        text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text) if self._name == "en" else text
        first = next((place for place, letter in enumerate(text) if letter.isalpha()), 0)
        text = text[:first] + text[first].upper() + text[first + 1 :]
        return text if text.rstrip('"')[-1] in _END else text + "."

    def _expand(self, rule: str, rng: np.random.Generator, depth: int) -> str:
        span = _RANGE.fullmatch(rule)
        if span:
            return str(rng.integers(int(span[1]), int(span[2]) + 1))
        if depth > _DEEPEST:
            raise InputError(f"{self._name}: rule '{rule}' leads back to itself")
        texts = self._rules[rule]
        drawn = texts[int(rng.integers(len(texts)))]
        return _SLOT.sub(lambda slot: self._expand(slot[1], rng, depth + 1), drawn)


class Lines:
    """The lines of a UTF-8 text file that are as long as a sentence may be.

    Raises:
        InputError: the file cannot be read or has no such line.
    """

    def __init__(self, path: Path) -> None:
        try:
            lines = (" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read as text: {error}") from error
        self._lines = [line for line in lines if _LINE[0] <= len(line) <= _LINE[1]]
        if not self._lines:
            raise InputError(
                f"{path} has no line of {_LINE[0]} to {_LINE[1]} characters: one sentence a line"
            )

    def draw(self, rng: np.random.Generator) -> str:
        """One sentence, with its end mark."""
        line = self._lines[int(rng.integers(len(self._lines)))]
        return line if line[-1] in _END else line + "."


@cache
def shipped(language: str) -> Grammar:
    """The grammar of a language that comes with the package: one of `LANGUAGES`."""
    file = resources.files(__package__) / "grammars" / f"{language}.txt"
    return Grammar(file.read_text(encoding="utf-8"), language)


def texts_by_language(files: Mapping[str, Path]) -> dict[str, Texts]:
    """The texts of all languages: shipped grammars, but for the languages that have a file of their own.

    Raises:
        InputError: a file for a language that there is not, or one that cannot be used.
    """
    strange = sorted(set(files) - set(LANGUAGES))
    if strange:
        raise InputError(f"texts for '{strange[0]}': the languages are {', '.join(LANGUAGES)}")
    return {name: Lines(files[name]) if name in files else shipped(name) for name in LANGUAGES}
