"""``lipstream app``: what it cannot serve is told in one line, before anything listens."""

import sys

import pytest

from lipstream.cli import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def without_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lipstream.stream.app.page", None)


@pytest.mark.usefixtures("without_gradio")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "app needs the extra 'app': pip install"),
        (("--model", "huge"), "unknown model 'huge'"),
        (("--model", "lite", "base"), "no weights ship with model 'base'"),
        (("--port", "70000"), "--port: must be from 0 to 65535"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: Captured
) -> None:
    assert main(["app", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert told.err.count("\n") == 1
