"""What a training on many hours needs of computers with GPUs: computed from a step measured on a CPU.

Nothing of it was measured on a GPU: it is the arithmetic of a step over an assumed part of a GPU's peak, and
the processor time that drawing mixtures took here. It says which of both is the limit, and what must be read.
"""

from dataclasses import dataclass

from ...bench.output import format_table
from ..data.recordings import SAMPLE_RATE

#: Products a second that an NVIDIA H100 (SXM) does at most in dense bfloat16: half its 989 TFLOP/s.
GPU_MACS_PER_S = 494e12
#: The part of that which is assumed: scans and narrow layers wait for memory. A guess, and a low one.
GPU_SHARE = 0.05
#: Cores beside each GPU, in the usual computers for training.
CORES_PER_GPU = 16
#: GPUs, and hours of recordings, that are computed.
GPUS, HOURS = (1, 8), 1000.0
#: Sound is read as 16-bit; a mixture reads its speech, and about twice as much of noise, babble and talkers.
_BYTES_PER_S = 2 * SAMPLE_RATE
_READ_TIMES = 3.0


@dataclass(frozen=True)
class Step:
    """What a second of mixtures takes.

    Attributes:
        macs: multiply-accumulates of learning from it.
        draw_s: processor time of drawing it, on one core.
    """

    macs: float
    draw_s: float


def speeds(step: Step, gpus: int) -> tuple[float, float]:
    """Seconds of mixtures a second that so many GPUs learn from, and that the cores beside them draw."""
    return gpus * GPU_SHARE * GPU_MACS_PER_S / step.macs, gpus * CORES_PER_GPU / step.draw_s


def needs_text(step: Step) -> str:
    """A table for `GPUS`, with what it assumes."""
    rows = []
    for gpus in GPUS:
        learned, drawn = speeds(step, gpus)
        speed = min(learned, drawn)
        rows.append(
            [
                str(gpus),
                f"{learned:.0f}",
                f"{drawn:.0f}",
                f"{HOURS / speed:.2f}",
                f"{speed * _READ_TIMES * _BYTES_PER_S / 1e6:.0f}",
                "drawing" if drawn < learned else "GPUs",
            ]
        )
    heads = ["GPUs", "GPUs\ns/s", "drawing\ns/s", f"{HOURS:g} h once\nh", "read\nMB/s", "limit"]
    return (
        f"estimate, not measured: GPUs of {GPU_MACS_PER_S / 1e12:.0f} T products a second, {GPU_SHARE:.0%} "
        f"of it used, {CORES_PER_GPU} cores like this one beside each;\nshards of {HOURS:g} h of speech take "
        f"{HOURS * 3600 * _BYTES_PER_S / 1e9:.0f} GB\n{format_table(heads, rows)}"
    )
