"""The notebook goes from data to sound: its cells run in their order, as a script, on what it makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "reproduce.ipynb"


def cells(kind: str) -> list[str]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def test_it_is_kept_without_what_a_run_leaves() -> None:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])


@pytest.mark.slow
def test_its_cells_go_from_data_to_sound(tmp_path: Path) -> None:
    for package in ("torch", "matplotlib", "pesq", "pystoi"):
        pytest.importorskip(package)
    (tmp_path / "demo").symlink_to(NOTEBOOK.parents[1] / "demo")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    result = subprocess.run(
        [sys.executable, "-c", "\n\n".join(cells("code"))],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    for shown in ("PESQ-WB", "CSIG", "CBAK", "COVL", "STOI", "SegSNR", "DNSMOS P.808", "pip install"):
        assert shown in result.stdout
    out = tmp_path / "reproduced"
    assert (out / "run" / "best.safetensors").is_file()
    assert (out / "evaluation" / "report.html").is_file()
    assert (out / "spectrograms.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "p232_001.wav").is_file()
