"""Files of every kind, damaged at random: reading them ends in samples or one clear line, soon and in bounds.

``python -m lipstream.tests.stream.media.fuzz --count 5000`` runs many and prints what came out of them.
"""

import argparse
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lipstream.errors import InputError
from lipstream.stream.audio_files import open_audio
from lipstream.stream.files import enhance_file
from lipstream.tests.stream.media.samples import ENCODED, PLAIN, WITH_PICTURES, write_sample

KINDS = (*ENCODED, *PLAIN)
#: No file of two seconds may take so long, or so much memory more than the files before it.
MAX_SECONDS, MAX_BYTES = 30, 400 << 20


def samples(folder: Path) -> dict[str, bytes]:
    """Two seconds of sound of each kind."""
    made = {}
    for kind in KINDS:
        path = folder / f"sample.{kind}"
        write_sample(path, 2.0)
        made[kind] = path.read_bytes()
    return made


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to four kinds of damage."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        # A third of the damage goes to the first bytes, where the headers are.
        end = max(1, len(data) if rng.random() < 0.67 else min(len(data), 300))
        at = int(rng.integers(end))
        length = min(2 ** int(rng.integers(0, 12)), len(data) - at)
        match int(rng.integers(7)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at : at + 4] = int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF])).to_bytes(4, "little")
            case 2:
                data[at : at + length] = bytes(length)
            case 3:
                data[at : at + length] = rng.bytes(length)
            case 4:
                del data[at : at + length]
            case 5:
                data[at:at] = data[at : at + length]
            case 6:
                del data[max(1, int(rng.integers(len(data)))) :]
        if not data:
            return b"\0"
    return bytes(data)


def outcome(path: Path) -> str:
    """Read a file to its end; what came of it in a word.

    Raises:
        AssertionError: samples that are no samples.
        EndlessError: it takes too long.
    """
    read = 0
    try:
        with open_audio(path) as reader:
            for block in reader.blocks(8_000):
                assert block.dtype == np.float32
                assert block.shape[1] == reader.layout.channels
                assert np.isfinite(block).all()
                read += len(block)
            told = reader.warnings
    except InputError:
        return "refused" if read == 0 else "ended by an error"
    return "read with a warning" if told else "read"


def copied(path: Path) -> str:
    """Enhance a file into one of its kind, with its pictures; what came of it in a word."""
    from lipstream.stream.video.files import read_frames  # which needs the extra 'video'

    try:
        report = enhance_file(path, path.with_stem("copy"))
        if path.suffix.lstrip(".") in WITH_PICTURES:
            assert all(frame.rgb.shape[2] == 3 for frame in read_frames(path))
    except InputError as error:
        return "WRONG ADVICE" if "make room" in str(error) else "refused"
    return "read with a warning" if report.warnings else "read"


class EndlessError(BaseException):
    """Nothing that reads files takes this for trouble with a file."""


def _endless(number: int, frame: object) -> None:
    raise EndlessError(f"more than {MAX_SECONDS} s")


def run(count: int, seed: int, copies: bool = False) -> Iterator[tuple[str, str]]:
    """Kind and outcome of each damaged file; traces of what must not be go to stderr."""
    signal.signal(signal.SIGALRM, _endless)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = samples(folder)
        for number in range(seed, seed + count):
            rng = np.random.default_rng(number)
            kind = KINDS[number % len(KINDS)]
            path = folder / f"damaged.{kind}"
            path.write_bytes(mutated(originals[kind], rng))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            signal.alarm(MAX_SECONDS)
            try:
                result = copied(path) if copies else outcome(path)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                print(f"seed {number}, {kind}:\n{traceback.format_exc()}", file=sys.stderr)
                result = "FAULT"
            signal.alarm(0)
            if (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 > MAX_BYTES:
                print(f"seed {number}, {kind}: too much memory", file=sys.stderr)
                result = "FAULT"
            yield kind, result


def main() -> int:
    """Run, print a table; 1 if anything must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copies", action="store_true", help="enhance each, with pictures, not only read it")
    args = parser.parse_args()
    found = Counter(run(args.count, args.seed, args.copies))
    results = sorted({result for _, result in found})
    print("kind   " + "  ".join(results))
    for kind in KINDS:
        print(f"{kind:6} " + "  ".join(f"{found[kind, result]:{len(result)}d}" for result in results))
    return int(any(result.isupper() for _, result in found))


if __name__ == "__main__":
    sys.exit(main())
