"""On-the-fly mixtures: clean speech, an interference made for it, a level. Deterministic by the generator."""

from dataclasses import asdict, astuple, dataclass, field

import numpy as np
from scipy.signal import fftconvolve

from ...core.arrays import Float32
from ...errors import InputError
from ..data.corpus import Corpus
from ..data.recordings import SAMPLE_RATE
from .effects import overload, rms, tilt, with_pauses
from .speech import Voices, by_source, root_of_length
from .synthesis import shape_spectrum, synthetic_noise

#: The kinds of interference, in the order of the fields of `NoiseKinds`.
RECORDED, BABBLE, TALKER, SYNTHETIC, NONE = range(5)
_PROBABILITIES = (
    "rir_probability",
    "second_noise_probability",
    "reshape_probability",
    "overload_probability",
    "pair_probability",
    "pause_probability",
)


@dataclass(frozen=True)
class NoiseKinds:
    """How often each kind of interference is drawn; they sum to 1.

    Attributes:
        recorded: a recording of noise.
        babble: four to ten people at once.
        talker: one competing talker.
        synthetic: noise from formulas, see `synthetic_noise`.
        none: the speech as it is.

    Raises:
        InputError: one is negative, or they do not sum to 1.
    """

    recorded: float = 0.45
    babble: float = 0.26
    talker: float = 0.08
    synthetic: float = 0.17
    none: float = 0.04

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0 or abs(sum(astuple(self)) - 1) > 1e-6:
            named = ", ".join(f"{name} = {share:g}" for name, share in asdict(self).items())

            raise InputError(
                f"kinds of noise must sum to 1, each at least 0, not to {sum(astuple(self)):g}: {named}"
            )


@dataclass(frozen=True)
class MixConfig:
    """How a mixture is drawn. Probabilities in [0, 1], levels in dB.

    ``source_weights`` draws the source of the target speech by its name; sources that are not named get
    weight 0. Empty, it draws all of them, each by the root of its length.

    Attributes:
        tilt_db_per_octave: the steepest random tilt of the voices, up or down; 0 leaves them as recorded.
        tempo: a voice is slower and deeper, or faster and higher, by at most this fraction: more speakers
            than there are; 0 leaves them as recorded.
        noise_tempo: the same for recorded noise.
        keep_talker_below_db: up to this SNR a competing talker belongs to the clean speech, as nothing in
            the sound tells which of two voices is meant; by default never.
        overload_probability: how often the mixture is cut off at the end of scale, the clean speech not.
        overload_db: how far the peaks would go beyond it.
        pair_probability: how often speech that comes with a noisy twin is taken together with it.
        pause_probability: how often the speaker, or a competing talker, is silent for stretches of
            ``pause_s`` seconds: corpora are cut to speech, people are not.

    Raises:
        InputError: a value out of its range.
    """

    seconds: float = 2.0
    snr_db: tuple[float, float] = (-6.0, 18.0)
    level_dbfs: tuple[float, float] = (-38.0, -14.0)
    rir_probability: float = 0.35
    second_noise_probability: float = 0.35
    reshape_probability: float = 0.4
    noise_kinds: NoiseKinds = field(default_factory=NoiseKinds)
    source_weights: dict[str, float] = field(default_factory=dict)
    tilt_db_per_octave: float = 1.5
    tempo: float = 0.0
    noise_tempo: float = 0.0
    keep_talker_below_db: float = -100.0
    overload_probability: float = 0.03
    overload_db: tuple[float, float] = (1.0, 12.0)
    pair_probability: float = 0.0
    pause_probability: float = 0.0
    pause_s: tuple[float, float] = (0.25, 1.6)

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise InputError("seconds must be above 0")
        if self.pause_s[0] <= 0:
            raise InputError("pause_s must be above 0")
        for name in ("snr_db", "level_dbfs", "overload_db", "pause_s"):
            low, high = getattr(self, name)
            if low > high:
                raise InputError(f"{name} must run from low to high, not from {low} to {high}")
        if not self.tilt_db_per_octave >= 0 or not self.overload_db[0] >= 0:
            raise InputError("tilt_db_per_octave and overload_db must not be negative")
        if not (0.0 <= self.tempo <= 0.5 and 0.0 <= self.noise_tempo <= 1.0):
            raise InputError("tempo must lie in [0, 0.5] and noise_tempo in [0, 1]")
        for name in _PROBABILITIES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} must lie in [0, 1]")
        if min(self.source_weights.values(), default=0) < 0:
            raise InputError("source_weights must not be negative")

    @property
    def length(self) -> int:
        """Samples of one mixture."""
        return round(self.seconds * SAMPLE_RATE)


class Mixer:
    """Draws (noisy, clean) pairs from a corpus.

    Raises:
        InputError: the corpus holds no noise, unless all is pairs, or no speech of the sources that the
            configuration names.
    """

    def __init__(self, corpus: Corpus, config: MixConfig) -> None:
        self.config = config
        self.rooms = corpus.rooms
        paired = config.pair_probability == 1.0 and all(clip.noisy is not None for clip in corpus.speech)
        if not corpus.noise and not paired:
            raise InputError(
                "no noise to mix with: training and validation need noise each, so at least two files; "
                "see held_out_noise, or the split of the manifests"
            )
        noise = by_source(corpus.noise)
        self.noise_by_source = list(noise.values())
        weights = np.array(root_of_length(corpus, "noise", noise))
        self.noise_weights = weights / max(weights.sum(), 1.0)  # of pairs alone, there is no noise
        self.voices = Voices(corpus, config.source_weights, config.tempo)
        self.speech_by_source = self.voices.by_source

    def draw(self, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """One mixture and its clean speech, float32 ``[length]`` each; the mixture stays within +-0.99."""
        noisy, clean, _ = self._draw(rng)
        return noisy, clean

    def draw_with_other(self, rng: np.random.Generator) -> tuple[Float32, Float32, Float32]:
        """As `draw`, and other speech with pauses as the speaker's: of somebody else, where there is one."""
        noisy, clean, speaker = self._draw(rng)
        avoid = speaker if self.voices.has_others(speaker) else ""
        return noisy, clean, self.voice(self.voices.draw(self.config.length, rng, avoid)[1], False, rng)

    def _draw(self, rng: np.random.Generator) -> tuple[Float32, Float32, str]:
        """A mixture, its clean speech and whose it is."""
        in_room = bool(self.rooms) and rng.random() < self.config.rir_probability
        clip, speech = self.voices.draw(self.config.length, rng)
        if clip.noisy is not None and rng.random() < self.config.pair_probability:
            clean, noisy = clip.read_pair(self.config.length, rng)
            return *self._record(noisy, clean, rng), clip.group
        clean = self.voice(speech, in_room, rng)
        kind = self.draw_kind(rng, clip.group)
        noise = None if kind == NONE else self.interference(kind, in_room, rng, clip.group)
        return *self.mix(clean, noise, rng, either=kind == TALKER), clip.group

    def mix(
        self, clean: Float32, noise: Float32 | None, rng: np.random.Generator, either: bool = False
    ) -> tuple[Float32, Float32]:
        """Speech and interference (None: nothing) at a random SNR and level: the mixture, its speech.

        ``either``: the interference is a talker who could as well be the one that is meant; up to
        ``keep_talker_below_db`` both are then the speech.
        """
        noisy = clean.copy()
        if noise is not None:
            snr_db = rng.uniform(*self.config.snr_db)
            noisy += noise * (rms(clean) / rms(noise) * 10 ** (-snr_db / 20))
            if either and snr_db <= self.config.keep_talker_below_db:
                clean = noisy
        return self._record(noisy, clean, rng)

    def _record(self, noisy: Float32, clean: Float32, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """Both at a random level, the mixture within full scale, or cut off there."""
        gain = 10 ** (rng.uniform(*self.config.level_dbfs) / 20) / rms(noisy)
        gain = min(gain, 0.99 / float(np.max(np.abs(noisy)) + 1e-9))
        recorded = (noisy * gain).astype(np.float32)
        if self.config.overload_probability > 0 and rng.random() < self.config.overload_probability:
            recorded = overload(recorded, rng.uniform(*self.config.overload_db))
        return recorded, (clean * gain).astype(np.float32)

    def voice(self, speech: Float32, in_room: bool, rng: np.random.Generator) -> Float32:
        """Speech with pauses, through a microphone of a random tilt, in a random room or as it is."""
        if self.config.pause_probability > 0 and rng.random() < self.config.pause_probability:
            speech = with_pauses(speech, self.config.pause_s, rng)
        if self.config.tilt_db_per_octave > 0:
            speech = tilt(speech, rng.uniform(-1, 1) * self.config.tilt_db_per_octave)
        return self._place(speech, in_room, rng)

    def _place(self, x: Float32, in_room: bool, rng: np.random.Generator) -> Float32:
        """The sound as heard in a random room, or as it is."""
        if not in_room:
            return x
        response = self.rooms[int(rng.integers(len(self.rooms)))].read()
        return fftconvolve(x, response)[: len(x)].astype(np.float32)

    def draw_kind(self, rng: np.random.Generator, speaker: str) -> int:
        """A kind of interference that is `possible`, or none, by the weights of the configuration."""
        return self.possible(int(rng.choice(5, p=astuple(self.config.noise_kinds))), speaker)

    def possible(self, kind: int, speaker: str) -> int:
        """The kind of interference, or recorded noise instead of voices where nobody else is there."""
        return RECORDED if kind in (BABBLE, TALKER) and not self.voices.has_others(speaker) else kind

    def interference(self, kind: int, in_room: bool, rng: np.random.Generator, speaker: str = "") -> Float32:
        """Interference of a kind (the first four of `NoiseKinds`), at any level.

        The speaker of the target is not heard in it: the kind is one that is `possible`.
        """
        if kind == TALKER:
            return self.voice(self.voices.draw(self.config.length, rng, speaker)[1], in_room, rng)
        more = self.config.second_noise_probability
        if kind == RECORDED:
            noise = self._recorded(rng)
        elif kind == BABBLE:
            noise = self._babble(rng, speaker)
            more *= 2
        else:
            noise = synthetic_noise(self.config.length, rng)
        if rng.random() < more:
            noise = _add(noise, self._recorded(rng), rng)
        if rng.random() < self.config.reshape_probability:
            noise = shape_spectrum(noise, rng)
        return noise

    def _recorded(self, rng: np.random.Generator) -> Float32:
        """Recorded noise; a source is drawn by the root of its length: large ones do not drown the others."""
        for _ in range(8):
            clips = self.noise_by_source[int(rng.choice(len(self.noise_by_source), p=self.noise_weights))]
            noise = clips[int(rng.integers(len(clips)))].read(
                self.config.length, rng, self.config.noise_tempo
            )
            if rms(noise) > 1e-4:
                break
        return noise

    def _babble(self, rng: np.random.Generator, speaker: str) -> Float32:
        """Four to ten people talking at once, each at a distance of its own."""
        total = np.zeros(self.config.length, dtype=np.float32)
        far = bool(self.rooms) and rng.random() < 0.6
        for _ in range(int(rng.integers(4, 11))):
            _, voice = self.voices.draw(self.config.length, rng, speaker)
            total += voice * (10 ** (rng.uniform(-8, 0) / 20) / rms(voice))
        return self._place(total, far, rng)


def _add(first: Float32, second: Float32, rng: np.random.Generator) -> Float32:
    """The first sound with the second within 10 dB of it."""
    return first + second * (rms(first) / rms(second) * 10 ** (rng.uniform(-10, 4) / 20))
