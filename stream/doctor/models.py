"""The doctor's look at models: the shipped graphs, the runtimes, and whether this computer keeps up."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from ...errors import InputError
from ...models.store.registry import graph_files, shipped_presets
from ..runtimes import chosen_runtime, load_runtime
from ..runtimes.base import Runtime
from ..runtimes.native import NativeRuntime
from .check import Check, Verdict, fingerprint, of_error, ok, problem

#: What ``lipstream live`` uses unless told otherwise.
MODEL = "lite"
#: Hops that warm up, and hops that are timed.
WARM_UP, HOPS = 50, 200
#: Shares of a hop's time that 19 of 20 hops may take: the rest is for other programs, and for video.
GOOD_SHARE, BEARABLE_SHARE = 0.5, 1.0


def check_models() -> Iterator[Check]:
    """Graphs, runtimes, speed."""
    yield from _graphs()
    yield _onnxruntime()
    yield _torch()
    yield _native()
    yield _hops()


def _graphs() -> Iterator[Check]:
    presets = shipped_presets()
    if not presets:
        yield problem("model", "no weights are installed", "reinstall lipstream")
    for preset in presets:
        for path in graph_files(preset):
            if path.is_file():
                yield ok("model", f"{preset}: {path.name} ({fingerprint(path)})")
            else:
                yield problem("model", f"{preset}: {path.name} is missing", "reinstall lipstream")


def _onnxruntime() -> Check:
    try:
        return ok("runtime onnx", f"ONNX Runtime {version('onnxruntime')}")
    except PackageNotFoundError:
        return problem("runtime onnx", "ONNX Runtime is not installed", "pip install onnxruntime")


def _torch() -> Check:
    """Without importing torch, which takes seconds."""
    try:
        return ok("runtime eager, cuda-graph", f"torch {version('torch')}, {_graphics()}")
    except PackageNotFoundError:
        return ok("runtime eager, cuda-graph", "torch is not installed, and live use does not need it")


def _native() -> Check:
    """Compiles it where it did not come with the package, so that it is found from then on."""
    try:
        load_runtime(MODEL, "native")
    except InputError as error:
        return ok("runtime native", f"{error}; auto is onnx, which takes some ten times as long")
    library = NativeRuntime.library_of(MODEL)
    return ok("runtime native", f"{library.stem if library else 'compiled'}, and what auto is")


def _graphics() -> str:
    program = shutil.which("nvidia-smi")
    none = "no NVIDIA GPU, which cuda-graph needs"
    if program is None:
        return none
    listing = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10)
    return "; ".join(line.partition(" (UUID")[0] for line in listing.stdout.splitlines()) or none


def _hops() -> Check:
    try:
        name = chosen_runtime(MODEL)
        runtime = load_runtime(MODEL, name)
    except InputError as error:
        return of_error("speed", error)
    hop_s = runtime.spec.hop_samples / runtime.spec.sample_rate
    return judge_hops(_timed(runtime), hop_s, name)


def judge_hops(seconds: list[float], hop_s: float, runtime: str) -> Check:
    """Whether hops that took so many seconds each leave time for anything else."""
    p50, p95 = np.percentile(seconds, (50, 95))
    finding = (
        f"{len(seconds)} hops of {MODEL} on {runtime}: p50 {1e3 * p50:.2f} ms, p95 {1e3 * p95:.2f} ms "
        f"of {1e3 * hop_s:g} ms"
    )
    if p95 <= GOOD_SHARE * hop_s:
        return ok("speed", finding)
    verdict: Verdict = "warn" if p95 <= BEARABLE_SHARE * hop_s else "problem"
    fix = (
        "close other programs, and plug in the power supply" if verdict == "warn" else "use a faster computer"
    )
    return Check("speed", verdict, finding, fix)


def _timed(runtime: Runtime) -> list[float]:
    """Seconds that each of `HOPS` hops of noise takes, with video, after a warm-up."""
    spec = runtime.spec
    random = np.random.default_rng(0)
    noise = (0.05 * random.standard_normal((16, spec.hop_samples))).astype(np.float32)
    embedding = random.standard_normal(spec.embedding_size).astype(np.float32)
    seconds = []
    for index in range(WARM_UP + HOPS):
        start_s = time.perf_counter()
        runtime.process_hop(noise[index % len(noise)], embedding, 0.02, 0.0)
        seconds.append(time.perf_counter() - start_s)
    return seconds[WARM_UP:]
