"""The sizes that the streaming step is compiled for (``infer/sizes.h``): one library for each shape.

Only the standard library, for setup.py compiles what is shipped before anything is installed.
"""

from dataclasses import dataclass

from ..build import Code


@dataclass(frozen=True)
class MixerSizes:
    """Of a Mamba-2 mixer: inner width, states, heads, taps of its short convolution."""

    inner: int
    states: int
    heads: int
    taps: int


@dataclass(frozen=True)
class MemorySizes:
    """Of the memory of a block: numbers a position says and hears, channels of the row, and its mixer."""

    features: int
    channels: int
    mixer: MixerSizes


@dataclass(frozen=True)
class BandSizes:
    """Of the band codec: channels of full resolution, ``(width in bins, bands)`` of each region, and how many
    frames the filter of a bin reaches over.
    """

    features: int
    regions: tuple[tuple[int, int], ...]
    taps: int


@dataclass(frozen=True)
class GateSizes:
    """Of the voice gate: see `VoiceGateConfig`; ``bands`` is how many it opens and closes."""

    bands: int
    channels: int
    hidden: int
    layers: int
    squeezed: int
    trust: int
    lags: tuple[int, ...]


@dataclass(frozen=True)
class SightSizes:
    """Of encoder C: see `LandmarkConfig`."""

    channels: int
    layers: int
    taps: int
    members: int


@dataclass(frozen=True)
class StepSizes:
    """What the step is compiled for.

    Attributes:
        window, hop: samples.
        level_hold: frames for which the peak of the input level is held.
        band: of the band codec; None for the separable codec, which has no sizes of its own.
        positions: along frequency, that the codec makes of the bins.
        channels: of a position.
        embedding, hidden: width of the visual embedding or cue, and of the VCE's hidden layer.
        gate, sight: of the voice gate and of encoder C; None for a model of lip crops, which join the
            features and are encoded elsewhere.
        memory: of each block; None where they have none, so that nothing of it is compiled.
        time, frequency: the mixers of a block.
        blocks: how many.
    """

    window: int
    hop: int
    level_hold: int
    band: BandSizes | None
    positions: int
    channels: int
    embedding: int
    hidden: int
    gate: GateSizes | None
    sight: SightSizes | None
    memory: MemorySizes | None
    time: MixerSizes
    frequency: MixerSizes
    blocks: int

    def macros(self) -> list[str]:
        """The flags that hand the sizes to the compiler."""
        values: dict[str, int | str] = {
            "WINDOW": self.window,
            "HOP": self.hop,
            "LEVEL_HOLD": self.level_hold,
            "BANDS": self.positions,
            "CHANNELS": self.channels,
            "EMBEDDING": self.embedding,
            "HIDDEN": self.hidden,
            "TIME": _listed(self.time),
            "FREQUENCY": _listed(self.frequency),
            "BLOCKS": self.blocks,
        }
        if self.band is not None:
            regions = ",".join(f"{{{width},{bands}}}" for width, bands in self.band.regions)
            values |= {"FEATURES": self.band.features, "REGIONS": f"{{{regions}}}", "TAPS": self.band.taps}
        if self.memory is not None:
            values |= {
                "MEMORY_FEATURES": self.memory.features,
                "MEMORY_CHANNELS": self.memory.channels,
                "MEMORY": _listed(self.memory.mixer),
            }
        if self.gate is not None:
            gate, lags = self.gate, ",".join(map(str, self.gate.lags))
            values |= {
                "GATE_BANDS": gate.bands,
                "GATE_CHANNELS": gate.channels,
                "GATE_HIDDEN": gate.hidden,
                "GATE_LAYERS": gate.layers,
                "GATE_SQUEEZED": gate.squeezed,
                "GATE_TRUST": gate.trust,
                "GATE_LAGS": f"{{{lags}}}",
            }
        if self.sight is not None:
            values |= {
                "LANDMARKS_CHANNELS": self.sight.channels,
                "LANDMARKS_LAYERS": self.sight.layers,
                "LANDMARKS_TAPS": self.sight.taps,
                "LANDMARKS_MEMBERS": self.sight.members,
            }
        return [f"-DLIPSTREAM_{name}={value}" for name, value in values.items()]

    def code(self) -> Code:
        """The step of these sizes, to be compiled."""
        return Code("infer/step.cpp", ("-fvisibility=hidden", *self.macros()))


def _listed(mixer: MixerSizes) -> str:
    return f"{mixer.inner},{mixer.states},{mixer.heads},{mixer.taps}"
