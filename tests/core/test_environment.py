"""The environment changed for a while: what was there comes back, what was not is gone."""

import os

import pytest

from lipstream.core.processes import environment


def test_variables_are_set_and_put_back_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPSTREAM_OLD", "before")
    monkeypatch.delenv("LIPSTREAM_NEW", raising=False)
    seen: dict[str, str] = {}

    def fail() -> None:
        with environment({"LIPSTREAM_OLD": "while", "LIPSTREAM_NEW": "1"}):
            seen.update(os.environ)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert (seen["LIPSTREAM_OLD"], seen["LIPSTREAM_NEW"]) == ("while", "1")
    assert os.environ["LIPSTREAM_OLD"] == "before"
    assert "LIPSTREAM_NEW" not in os.environ
