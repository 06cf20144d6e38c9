"""Sentences for synthetic voices: what the grammars give, and what a text file must be."""

from pathlib import Path

import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.train.makers.texts import LANGUAGES, Grammar, Lines, shipped, texts_by_language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shipped_grammar_gives_many_whole_sentences(language: str) -> None:
    rng = np.random.default_rng(1)
    drawn = [shipped(language).draw(rng) for _ in range(300)]
    assert len(set(drawn)) > 280
    for sentence in drawn:
        assert sentence.rstrip('"')[-1] in ".?!।"
        assert not set(sentence) & set("{}#|*"), sentence
        assert 3 < len(sentence) < 250


def test_english_sentences_have_the_sounds_that_are_rare() -> None:
    rng = np.random.default_rng(1)
    heard = " ".join(shipped("en").draw(rng) for _ in range(2000)).lower()
    for spelled in (
        "measure",
        "vision",
        "joy",
        "youth",
        "thimble",
        "the",
        "sing",
        "oyster",
        "garage",
        "jewel",
    ):
        assert spelled in heard


def test_the_same_seed_gives_the_same_sentences() -> None:
    first, second = ([shipped("en").draw(np.random.default_rng(7)) for _ in range(5)] for _ in range(2))
    assert first == second


def test_rules_numbers_weights_and_articles() -> None:
    grammar = Grammar(
        "# words\nstart: a {what}, {#3-3} times | a {what} again? *9\nwhat: egg *4 | apple", "en"
    )
    rng = np.random.default_rng(0)
    drawn = [grammar.draw(rng) for _ in range(400)]
    assert set(drawn) == {
        "An egg, 3 times.",
        "An apple, 3 times.",
        "An egg again?",
        "An apple again?",
    }
    assert sum("again" in sentence for sentence in drawn) > 300


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("start: {none}", "the grammar has no rule 'none'"),
        ("begin: a", "the grammar has no rule 'start'"),
        ("start: a\nno rule here", "line 2: a rule is written"),
    ],
)
def test_a_bad_grammar_is_refused(rules: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Grammar(rules)


def test_a_rule_that_leads_back_to_itself_is_refused() -> None:
    with pytest.raises(InputError, match="leads back to itself"):
        Grammar("start: {start}").draw(np.random.default_rng(0))


def test_lines_of_a_file_stand_in_for_a_grammar(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("x\nCall me   Ishmael\n\n" + "long " * 100, encoding="utf-8")
    texts = texts_by_language({"en": tmp_path / "book.txt"})
    assert texts["en"].draw(np.random.default_rng(0)) == "Call me Ishmael."
    assert texts["fr"] is shipped("fr")


def test_a_file_without_sentences_or_of_no_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("no\n")
    with pytest.raises(InputError, match=r"short.txt has no line of 8 to 300 characters"):
        Lines(tmp_path / "short.txt")
    with pytest.raises(InputError, match=r"none.txt cannot be read as text"):
        Lines(tmp_path / "none.txt")
    with pytest.raises(InputError, match="texts for 'xx': the languages are en, es, fr"):
        texts_by_language({"xx": tmp_path / "short.txt"})
