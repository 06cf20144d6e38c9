"""The manifest of a corpus: whole rows only, one writer, the same in both formats."""

from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.stream.corpus.cleaner import Row
from lipstream.stream.corpus.table import Manifest

FIRST = Row(
    "a.wav", 1.5, 16_000, 1, 0.02, -23.0, None, 0.75, {"dnsmos_sig": 3.25}, "late", "", "lite", "onnx"
)
SECOND = Row('odd ", name\n.wav', error="no sound", model="lite", runtime="onnx")


def write(path: Path, *rows: Row) -> None:
    with Manifest(path) as manifest:
        manifest.begin(["dnsmos_sig"])
        for row in rows:
            manifest.add(row)
        manifest.finish()


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", SECOND, FIRST)
    assert [*Manifest(tmp_path / "rows.csv").rows.values()] == [FIRST, SECOND]


def test_a_row_stands_in_the_file_as_soon_as_it_is_added_and_a_torn_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with Manifest(path) as manifest:
        manifest.begin(["dnsmos_sig"])
        manifest.add(FIRST)
        manifest.add(SECOND)
        whole = path.read_bytes()
    for cut in range(1, 30):
        path.write_bytes(whole[:-cut])
        assert [*Manifest(path).rows][:1] == ["a.wav"], cut
    path.write_bytes(whole[:-20])
    with Manifest(path) as manifest:
        manifest.begin(["dnsmos_sig"])
        manifest.add(Row("c.wav"))
    assert [*Manifest(path).rows] == ["a.wav", "c.wav"]


def test_one_run_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with Manifest(path) as first:
        first.begin(["dnsmos_sig"])
        with Manifest(path) as second, pytest.raises(InputError, match="being written by another run"):
            second.begin(["dnsmos_sig"])
        first.add(FIRST)
    with Manifest(path) as third:
        third.begin(["dnsmos_sig"])
        assert [*third.rows] == ["a.wav"]


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    odd = Row(b"odd-\xff.wav".decode("utf-8", "surrogateescape"))
    write(tmp_path / "rows.parquet", FIRST, odd)
    found = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["file"] for row in found] == ["a.wav", "odd-\\udcff.wav"]
    assert (found[0]["dnsmos_sig"], found[0]["sample_rate"], found[0]["output_dbfs"]) == (3.25, 16_000, None)
    assert [*Manifest(tmp_path / "rows.parquet").rows] == ["a.wav", odd.file]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.txt", "", r"name a \.csv or a \.parquet"),
        ("rows.csv", "a,b\n1,2\n", "is no manifest of 'lipstream corpus'"),
    ],
)
def test_what_is_no_manifest_is_told_and_left_alone(
    tmp_path: Path, name: str, content: str, told: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=told):
        Manifest(tmp_path / name)
    assert (tmp_path / name).read_text() == content
