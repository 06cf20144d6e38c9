"""What decides a training of the voice gate."""

from dataclasses import dataclass, field

from ...errors import InputError
from ...models.config import ModelConfig, preset
from ..mixing.cues import CueConfig
from ..mixing.mixtures import MixConfig
from ..run.optimizer import OptimizerConfig


@dataclass(frozen=True)
class StageConfig:
    """One stage.

    Attributes:
        steps, batch: optimizer steps, and mixtures in each; no steps leave the stage out.
        rate: factor of ``optimizer.learning_rate``.
    """

    steps: int = 400
    batch: int = 16
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch < 1 or self.rate <= 0:
            raise InputError("steps must be at least 0, batch at least 1, rate above 0")


@dataclass(frozen=True)
class TrunkConfig(StageConfig):
    """The first stage, of the trunk alone: alpha is given.

    Attributes:
        seconds: of a mixture that are seen at once, from a random place.
        dropped: how often a cue has gaps; all are right.
        least_alpha: alpha is freshness times a factor from here to 1.
    """

    seconds: float = 3.0
    dropped: float = 0.15
    least_alpha: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0.0 <= self.dropped <= 1.0 and 0.0 <= self.least_alpha <= 1.0) or self.seconds <= 0:
            raise InputError("dropped and least_alpha must be between 0 and 1, seconds above 0")


@dataclass(frozen=True)
class PoolConfig:
    """Mixtures in memory, each with the audio-only output beside it (0.9 MB for 5 s).

    Attributes:
        items: how many.
        renew, every: so many new ones take the place of the oldest after every so many steps.
        real: share of speakers whose face is seen, with real cues; means nothing without `GateRecipe.real`.
    """

    items: int = 1500
    renew: int = 12
    every: int = 25
    real: float = 0.3

    def __post_init__(self) -> None:
        if min(self.items, self.every) < 1 or not 0 <= self.renew <= self.items:
            raise InputError("pool: items and every must be at least 1, renew from 0 to items")
        if not 0.0 <= self.real <= 1.0:
            raise InputError("pool: real must be between 0 and 1")


@dataclass(frozen=True)
class GateLossConfig:
    """Weights of the terms, see `train.gate.losses`.

    Attributes:
        lost: of speech that is quieter than it should be.
        sdr: of the ratio of signal to distortion, in dB.
        harm: of each dB of it that a cue which may be trusted costs against audio alone.
        misled: of each dB of it that another cue costs.
        trust: of the cross-entropy of alpha, where both are learnt.
        clean: of a mixture there whose audio-only output is all but the speech: nothing is to be closed then.
    """

    lost: float = 0.1
    sdr: float = 0.03
    harm: float = 0.03
    misled: float = 0.06
    trust: float = 0.1
    clean: float = 2.0

    def __post_init__(self) -> None:
        if min(self.lost, self.sdr, self.harm, self.misled, self.trust, self.clean) < 0:
            raise InputError("loss: lost, sdr, harm, misled, trust and clean must be at least 0")


@dataclass(frozen=True)
class GateRecipe:
    """A training of the voice gate in three stages: the trunk, alpha, both together.

    Attributes:
        preset: of the model; one with a voice gate.
        start_from: its weights, with encoder C. Empty for those that ship.
        keep_gate: the gate of those weights learns on, for cues that have changed a little; else it begins
            as an untrained one.
        data: a folder of recordings or a manifest of them, or several, relative to the working directory.
        exclude_licences: recordings whose licence contains one of these are not used.
        exclude_noise: sources of noise that are not used, for the voices in them, say.
        errors: how the cues of encoder C err, as ``lipstream cue evaluate --errors`` writes it; empty for
            the fit that ships.
        real: cues of held-out speakers with their sound, as ``lipstream cue evaluate --out`` writes them;
            empty for simulated cues alone.
        held_out_speakers: faces of these are not used.
        checkpoint_every: steps from one checkpoint to the next.
        seed: of everything random.
        mix: mixtures; of whole hops.
        cues: what is the matter with them how often, once alpha is learnt.
        optimizer: of every stage.

    Raises:
        InputError: a value out of its range, or a preset without a gate.
    """

    preset: str = "lite"
    start_from: str = ""
    keep_gate: bool = False
    data: str | tuple[str, ...] = "../shared/data"
    exclude_licences: tuple[str, ...] = ()
    exclude_noise: tuple[str, ...] = ()
    errors: str = ""
    real: str = ""
    held_out_speakers: tuple[str, ...] = ()
    checkpoint_every: int = 200
    seed: int = 1
    mix: MixConfig = field(default_factory=lambda: MixConfig(seconds=5.0))
    pool: PoolConfig = field(default_factory=PoolConfig)
    cues: CueConfig = field(default_factory=CueConfig)
    loss: GateLossConfig = field(default_factory=GateLossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    trust: StageConfig = field(default_factory=StageConfig)
    joint: StageConfig = field(default_factory=StageConfig)

    def __post_init__(self) -> None:
        config = self.config
        if config.gate is None:
            raise InputError(f"model '{self.preset}' has no voice gate to train: use one that has, as 'lite'")
        if self.mix.length % config.stft.hop:
            raise InputError(
                f"mix: {self.mix.length} samples are no whole hops of {config.stft.hop}: change seconds"
            )
        if self.checkpoint_every < 1:
            raise InputError("checkpoint_every must be at least 1")
        if self.trunk.seconds > self.mix.seconds:
            raise InputError(f"trunk: seconds must be at most those of mix, {self.mix.seconds:g}")
        if self.optimizer.known_rate != 1.0:
            raise InputError(
                "optimizer: known_rate means nothing to a gate, leave it out; stages have a rate"
            )

    @property
    def config(self) -> ModelConfig:
        """Of the model."""
        return preset(self.preset)

    @property
    def frames(self) -> int:
        """Of a mixture."""
        return self.mix.length // self.config.stft.hop
