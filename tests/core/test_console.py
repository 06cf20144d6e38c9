"""What is printed of names of files: one line each, whatever is in them."""

import pytest

from lipstream.core.console import complain, printable, say


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines.wav", r"two\nlines.wav"),
        ("\x1b[31mred.wav", r"\x1b[31mred.wav"),
        ("lat\udce9n.wav", r"lat\udce9n.wav"),
        ("\x9bc1.wav", r"\x9bc1.wav"),
        ("ünï☃.wav", "ünï☃.wav"),
    ],
)
def test_a_name_is_shown_in_one_line_and_steers_no_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_results_and_complaints_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert say("a\nb.wav: done")
    complain("error", "first\n  second \x1b[2J")
    shown = capsys.readouterr()
    assert shown.out == "a\\nb.wav: done\n"
    assert shown.err == "lipstream: error: first second \\x1b[2J\n"
