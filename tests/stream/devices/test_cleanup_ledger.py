"""A entry belongs to its process as long as that lives, and to the next one that looks after that."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from lipstream.stream.devices.cleanup_ledger import LedgerEntry, abandoned_entries

HOLD = """
import sys, time
from pathlib import Path
from lipstream.stream.devices.cleanup_ledger import LedgerEntry
entry = LedgerEntry.make(Path(sys.argv[1]), {"token": "theirs"})
print("held", flush=True)
time.sleep(60)
"""


def test_an_entry_of_a_living_process_is_not_abandoned_and_of_a_killed_one_is(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "thing-1.json"
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "held\n"
        assert list(abandoned_entries(path.parent, "thing-")) == []
        child.send_signal(signal.SIGKILL)
    notes = []
    for entry in abandoned_entries(path.parent, "thing-"):
        notes.append(entry.notes)
        entry.release()
    assert notes == [{"token": "theirs"}]
    assert list(path.parent.iterdir()) == []


def test_an_entry_that_is_not_released_stays_for_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "thing-1.json"
    path.write_text(json.dumps({"token": "old"}))
    for _ in range(2):
        assert [entry.notes for entry in abandoned_entries(tmp_path, "thing-")] == [{"token": "old"}]


def test_entries_of_other_things_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other-1.json").write_text("{}")
    assert list(abandoned_entries(tmp_path, "thing-")) == []
    assert list(abandoned_entries(tmp_path / "nowhere", "thing-")) == []


def test_a_damaged_entry_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "thing-1.json"
    path.write_text('{"tok')
    assert list(abandoned_entries(tmp_path, "thing-")) == []
    assert not path.exists()


def test_a_released_entry_is_gone(tmp_path: Path) -> None:
    entry = LedgerEntry.make(tmp_path / "thing-1.json", {"token": None})
    assert list(abandoned_entries(tmp_path, "thing-")) == [], "it is locked"
    entry.release()
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_entry_is_there_for_a_later_process(tmp_path: Path) -> None:
    LedgerEntry.make(tmp_path / "thing-1.json", {"token": "mine"}).abandon()
    assert [entry.notes for entry in abandoned_entries(tmp_path, "thing-")] == [{"token": "mine"}]
