"""On-the-fly mixtures: clean speech, an interference made for it, a level. Deterministic by the generator."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from ..errors import InputError
from .corpus import SAMPLE_RATE, Clip, Corpus, Float32
from .synthesis import shape_spectrum, synthetic_noise


@dataclass(frozen=True)
class MixConfig:
    """How a mixture is drawn. Probabilities in [0, 1], levels in dB.

    ``noise_kinds`` are weights of: recorded noise, babble, a competing talker, synthetic noise, none at all.
    ``source_weights`` draws the source of the target speech; sources that are not named get weight 0.

    Raises:
        InputError: a value out of its range.
    """

    seconds: float = 2.0
    snr_db: tuple[float, float] = (-6.0, 18.0)
    level_dbfs: tuple[float, float] = (-38.0, -14.0)
    rir_probability: float = 0.35
    second_noise_probability: float = 0.35
    reshape_probability: float = 0.4
    noise_kinds: tuple[float, float, float, float, float] = (0.45, 0.26, 0.08, 0.17, 0.04)
    source_weights: tuple[tuple[str, float], ...] = (
        ("librispeech_resemblyzer", 0.42),
        ("picovoice_wake", 0.14),
        ("picovoice_intent", 0.12),
        ("cmu_arctic", 0.10),
        ("rhasspy_kathleen_en", 0.10),
        ("asterisk_en", 0.06),
        ("mycroft_precise", 0.06),
    )

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise InputError("seconds must be above 0")
        for name in ("snr_db", "level_dbfs"):
            low, high = getattr(self, name)
            if low > high:
                raise InputError(f"{name} must run from low to high, not from {low} to {high}")
        for name in ("rir_probability", "second_noise_probability", "reshape_probability"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} must lie in [0, 1]")
        kinds = self.noise_kinds
        if len(kinds) != 5 or min(kinds) < 0 or abs(sum(kinds) - 1) > 1e-6:
            raise InputError("noise_kinds must be five weights that sum to 1")
        if min((weight for _, weight in self.source_weights), default=0) < 0:
            raise InputError("source_weights must not be negative")

    @property
    def length(self) -> int:
        """Samples of one mixture."""
        return round(self.seconds * SAMPLE_RATE)


def rms(x: Float32) -> float:
    """Root mean square, at least 1e-8."""
    return float(max(np.sqrt(np.mean(np.square(x, dtype=np.float64))), 1e-8))


class Mixer:
    """Draws (noisy, clean) pairs from a corpus.

    Raises:
        InputError: the corpus holds no noise, or no speech of the sources that the configuration names.
    """

    def __init__(self, corpus: Corpus, config: MixConfig) -> None:
        self.config = config
        self.rirs = corpus.rirs
        if not corpus.noise:
            raise InputError("no noise to mix with: noise.csv needs sources that are held out and others")
        self.noise_by_source = list(_group(corpus.noise).values())
        hours = np.array([sum(clip.end - clip.start for clip in clips) for clips in self.noise_by_source])
        self.noise_weights = np.sqrt(hours) / np.sqrt(hours).sum()
        self.speech_by_source = _group(corpus.speech)
        weighted = [(name, weight) for name, weight in config.source_weights if name in self.speech_by_source]
        self.sources = [name for name, _ in weighted]
        weights = np.array([weight for _, weight in weighted])
        if weights.sum() == 0:
            there = ", ".join(self.speech_by_source) or "nowhere"
            raise InputError(f"no speech to mix: source_weights names none of its sources ({there})")
        self.source_weights = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """One mixture and its clean speech, float32 ``[length]`` each; the mixture stays within +-0.99."""
        in_room = bool(self.rirs) and rng.random() < self.config.rir_probability
        clean = self._place(self._speech(rng), in_room, rng)
        kind = int(rng.choice(5, p=self.config.noise_kinds))
        noise = self.interference(kind, in_room, rng) if kind < 4 else None
        return self.mix(clean, noise, rng)

    def mix(self, clean: Float32, noise: Float32 | None, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """Speech and interference (None: nothing) at a random SNR and level: the mixture, its speech."""
        noisy = clean.copy()
        if noise is not None:
            snr_db = rng.uniform(*self.config.snr_db)
            noisy += noise * (rms(clean) / rms(noise) * 10 ** (-snr_db / 20))
        gain = 10 ** (rng.uniform(*self.config.level_dbfs) / 20) / rms(noisy)
        gain = min(gain, 0.99 / float(np.max(np.abs(noisy)) + 1e-9))
        return (noisy * gain).astype(np.float32), (clean * gain).astype(np.float32)

    def _speech(self, rng: np.random.Generator) -> Float32:
        """Speech that is not silent; the source by weight, then the clip at random."""
        source = self.sources[int(rng.choice(len(self.sources), p=self.source_weights))]
        clips = self.speech_by_source[source]
        for _ in range(8):
            speech = clips[int(rng.integers(len(clips)))].read(self.config.length, rng)
            if rms(speech) > 1e-3:
                break
        return speech

    def _place(self, x: Float32, in_room: bool, rng: np.random.Generator) -> Float32:
        """The sound as heard in a random room, or as it is."""
        if not in_room:
            return x
        response = self.rirs[int(rng.integers(len(self.rirs)))]
        return fftconvolve(x, response)[: len(x)].astype(np.float32)

    def interference(self, kind: int, in_room: bool, rng: np.random.Generator) -> Float32:
        """Interference of a kind (the first four of ``MixConfig.noise_kinds``), at any level."""
        if kind == 0:
            noise = self._recorded(rng)
            if rng.random() < self.config.second_noise_probability:
                noise = _add(noise, self._recorded(rng), rng)
        elif kind == 1:
            noise = self._babble(rng)
            if rng.random() < 2 * self.config.second_noise_probability:
                noise = _add(noise, self._recorded(rng), rng)
        elif kind == 2:
            noise = self._place(self._speech(rng), in_room, rng)
        else:
            noise = synthetic_noise(self.config.length, rng)
            if rng.random() < self.config.second_noise_probability:
                noise = _add(noise, self._recorded(rng), rng)
        if kind != 2 and rng.random() < self.config.reshape_probability:
            noise = shape_spectrum(noise, rng)
        return noise

    def _recorded(self, rng: np.random.Generator) -> Float32:
        """Recorded noise; a source is drawn by the root of its length: large ones do not drown the others."""
        for _ in range(8):
            clips = self.noise_by_source[int(rng.choice(len(self.noise_by_source), p=self.noise_weights))]
            noise = clips[int(rng.integers(len(clips)))].read(self.config.length, rng)
            if rms(noise) > 1e-4:
                break
        return noise

    def _babble(self, rng: np.random.Generator) -> Float32:
        """Four to ten people talking at once, each at a distance of its own."""
        total = np.zeros(self.config.length, dtype=np.float32)
        far = bool(self.rirs) and rng.random() < 0.6
        for _ in range(int(rng.integers(4, 11))):
            voice = self._speech(rng)
            total += voice * (10 ** (rng.uniform(-8, 0) / 20) / rms(voice))
        return self._place(total, far, rng)


def _add(first: Float32, second: Float32, rng: np.random.Generator) -> Float32:
    """The first sound with the second within 10 dB of it."""
    return first + second * (rms(first) / rms(second) * 10 ** (rng.uniform(-10, 4) / 20))


def _group(clips: tuple[Clip, ...]) -> dict[str, list[Clip]]:
    grouped: dict[str, list[Clip]] = {}
    for clip in clips:
        grouped.setdefault(clip.source, []).append(clip)
    return grouped
