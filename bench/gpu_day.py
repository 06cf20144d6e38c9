"""Ten minutes on a GPU: tests, kernels, latency, pools and training, one process after the other.

A GPU may be at hand for minutes only, so all of it is one command that cannot run longer, and each part is a
command of its own, whose failure or delay costs no other part its result. Where there is no GPU the same
parts run in small on the CPU, which shows that the commands work before the minutes count.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .machine import Machine, fingerprint
from .output import plain, write_json

#: All parts together.
LIMIT_S = 600.0
#: What each part leaves in its JSON file, and what the day leaves in its folder.
JSON, PAGE = "gpu-day.json", "gpu-day.html"
#: Of what a part prints, so much is kept.
_TAIL = 4_000

_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Step:
    """A part of the day: a command of its own process.

    Attributes:
        title: of its section.
        command: words after ``python -m``; ``{json}`` is a file for its results, ``{data}`` a folder with
            made recordings in ``speech`` and ``noise``, ``{cache}`` an empty one.
        limit_s: it is ended after that.
        variables: of its environment.
    """

    title: str
    command: Sequence[str]
    limit_s: float
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a part: how it ended, and the last of what it printed.

    Attributes:
        title: of its section.
        command: as a user would type it.
        verdict: ``ok``, ``failed``, ``out of time`` or ``not begun``.
        took_s: seconds.
        printed: the end of its output.
        results: its JSON, where it wrote one.
    """

    title: str
    command: str
    verdict: str
    took_s: float
    printed: str
    results: Any = None


@dataclass(frozen=True)
class GpuDay:
    """The day: what it ran on, whether that had a GPU, and what came of each part."""

    machine: Machine
    gpu: str
    outcomes: Sequence[Outcome]

    def text(self) -> str:
        """A line for each part."""
        lines = [f"{each.title}: {each.verdict}, {each.took_s:.0f} s" for each in self.outcomes]
        return "\n".join(
            [self.machine.describe(), self.gpu or "no GPU: the small twin on the CPU", "", *lines]
        )

    @property
    def ok(self) -> bool:
        """Whether all parts went well."""
        return all(each.verdict == "ok" for each in self.outcomes)


def gpu_name() -> str:
    """Of the NVIDIA GPU that torch finds; empty: none."""
    try:
        import torch
    except ImportError:
        return ""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def steps(on_gpu: bool) -> list[Step]:
    """The parts on a GPU, or their twins on the CPU, the shortest and most telling first."""
    device = "cuda" if on_gpu else "cpu"
    pytest: tuple[str, ...] = ("pytest", "-q", "-p", "no:cacheprovider")
    train = ("lipstream", "bench", "train", "tiny", "--device", device, "--json", "{json}")
    training: tuple[str, ...] = (
        *train,
        "--cache",
        "{cache}",
        "--speech",
        "{data}/speech",
        "--noise",
        "{data}/noise",
    )
    pool: tuple[str, ...]
    if not on_gpu:
        hop = ("lipstream", "bench", "latency", "--runtime", "eager", "--hops", "20", "--json", "{json}")
        pool = ("lipstream", "bench", "streams", "--runtime", "eager", "--streams", "1", "2", "--hops", "5")
        kernels = (*pytest, "tests/kernels/triton/test_ops.py", "-k", "conv")
        return [
            Step("A hop", hop, 60),
            Step("Many streams", (*pool, "--json", "{json}"), 60),
            Step("Triton kernels", kernels, 120, {"TRITON_INTERPRET": "1"}),
            Step("Training", (*training, "--steps", "1"), 120),
            Step("CUDA tests", (*pytest, "tests/bench/speed/test_cuda.py"), 120),
        ]
    streams = ("1", "8", "64", "256")
    pool = ("lipstream", "bench", "streams", "--runtime", "cuda-graph", "--hops", "100", "--streams")
    tests = ("tests/stream/runtimes", "tests/bench/speed/test_cuda.py", "tests/kernels/test_dispatch.py")
    return [
        Step("A hop", ("lipstream", "bench", "cuda", "--json", "{json}"), 90),
        Step("Triton kernels", (*pytest, "tests/kernels/triton/test_ops.py"), 150),
        Step("Many streams", (*pool, *streams, "--json", "{json}"), 90),
        Step("Training", (*training, "--steps", "20"), 120),
        Step("CUDA tests", (*pytest, *tests, "-k", "cuda or gpu or Cuda"), 150),
    ]


def run_day(plan: Sequence[Step], tell: Callable[[str], None], limit_s: float = LIMIT_S) -> list[Outcome]:
    """Run the parts one after the other, none beyond its limit or that of all.

    Args:
        plan: see `steps`.
        tell: watches it go on.
        limit_s: for all of them together.
    """
    until_s = time.monotonic() + limit_s
    outcomes = []
    with TemporaryDirectory(prefix="lipstream-gpu-day-") as name:
        folder = Path(name)
        _make_recordings(folder / "data")
        for number, step in enumerate(plan, 1):
            left_s = until_s - time.monotonic()
            tell(f"{number} of {len(plan)}: {step.title}")
            outcomes.append(_run(step, min(step.limit_s, left_s), folder))
    return outcomes


def save_day(day: GpuDay, folder: Path) -> Path:
    """Write the JSON file and the page.

    Returns:
        The page.

    Raises:
        InputError: the folder takes no files.
    """
    from .report.page import Block, Section, about_machine, write_page

    write_json(folder / JSON, day)
    about = [*about_machine(plain(day.machine)), day.gpu or "no GPU: the small twin on the CPU"]
    sections = []
    for each in day.outcomes:
        text = f"{each.verdict}, {each.took_s:.0f} s\n\n{each.printed}"
        sections.append(Section(each.title, each.command, [Block(text=text)]))
    title = "Lipstream on a GPU" if day.gpu else "Lipstream: the twin of a GPU day"
    write_page(folder / PAGE, title, about, sections)
    return folder / PAGE


def measure_day(tell: Callable[[str], None]) -> GpuDay:
    """Run the day on what there is."""
    machine, gpu = fingerprint(), gpu_name()
    return GpuDay(machine, gpu, run_day(steps(bool(gpu)), tell))


def _run(step: Step, limit_s: float, folder: Path) -> Outcome:
    json_file = folder / "results.json"
    json_file.unlink(missing_ok=True)
    places = {"json": str(json_file), "data": str(folder / "data"), "cache": str(folder / "cache")}
    words = [word.format(**places) for word in step.command]
    shown = " ".join(step.command[1:] if step.command[0] == "lipstream" else step.command)
    shown = f"lipstream {shown}" if step.command[0] == "lipstream" else f"python -m {shown}"
    if limit_s <= 0:
        return Outcome(step.title, shown, "not begun", 0.0, "the time of all parts is over")
    began_s = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            cwd=_CHECKOUT,
            env=os.environ | step.variables,
            check=False,
        )
        verdict, printed = "ok" if done.returncode == 0 else "failed", done.stdout
    except subprocess.TimeoutExpired as late:
        verdict, printed = "out of time", late.stdout or b""
    took_s = time.monotonic() - began_s
    results = json.loads(json_file.read_text(encoding="utf-8")) if json_file.is_file() else None
    return Outcome(step.title, shown, verdict, took_s, printed.decode(errors="replace")[-_TAIL:], results)


def _make_recordings(folder: Path) -> None:
    """Sound for the training, whose time does not depend on what it hears: noise in syllables, and noise."""
    import soundfile

    for speaker, random in _speakers():
        syllables = np.abs(np.sin(2 * np.pi * 2.0 * np.arange(64_000) / 16_000))
        for kind, shape in (("speech", syllables), ("noise", np.full(64_000, 0.3))):
            (folder / kind / speaker).mkdir(parents=True)
            wave = 0.1 * shape * random.standard_normal(64_000)
            soundfile.write(folder / kind / speaker / "a.wav", wave.astype(np.float32), 16_000)


def _speakers() -> Iterator[tuple[str, np.random.Generator]]:
    """As many as a training and its validation need."""
    for number in range(4):
        yield f"speaker{number}", np.random.default_rng(number)
