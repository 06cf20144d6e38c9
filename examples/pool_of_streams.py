"""Enhance many callers in one process: their hops are computed in one call, and each may come and go.

python examples/pool_of_streams.py demo/example.flac
"""

import sys

import numpy as np
import soundfile

import lipstream

CALLERS, CHUNK_MS = 4, 20


def main() -> None:
    wave, sample_rate = soundfile.read(sys.argv[1], dtype="float32")
    size = sample_rate * CHUNK_MS // 1000
    pool = lipstream.EnhancerPool(CALLERS, "lite", sample_rate)
    # Each caller is as loud as it likes and has controls of its own.
    gains = {pool.join(atten_limit_db=12.0 * (1 + seat)): 1.0 / (1 + seat) for seat in range(CALLERS)}
    cleaned: dict[int, list[np.ndarray]] = {caller: [] for caller in gains}
    for start in range(0, len(wave) - size, size):
        chunk = wave[start : start + size]
        for caller, clean in pool.process({caller: gain * chunk for caller, gain in gains.items()}).items():
            cleaned[caller].append(clean)
    for caller, pieces in cleaned.items():
        out = np.concatenate([*pieces, pool.flush(caller)])
        pool.leave(caller)
        print(f"caller {caller}: {len(out)} samples, RMS {np.sqrt(np.mean(out**2)):.4f}")
    print(f"{len(pool)} callers left in a pool of {pool.streams}")


if __name__ == "__main__":
    main()
