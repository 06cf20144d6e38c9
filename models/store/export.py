"""Export to ONNX: wave-to-wave graphs of a hop and one of the visual encoder; states are named in and out.

Where lips are landmarks there are two graphs of a hop, of audio alone and with the lips. What both
carry has one name in both, so that a stream may move between them at any hop.

The graph of a hop takes any number of streams in a batch, and is as fast for one as a graph for one alone.
"""

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from ...core.storage import written_whole
from ...errors import InputError
from ..lips.points import POINTS
from ..lite_avse import LiteAVSEMamba
from ..state import State, flatten_state, state_names, unflatten_state
from ..wave import WaveModel, WaveState
from .folder import STEM
from .registry import StreamSpec

_OPSET = 23
#: To leave the number of streams open, trace with more than one: an axis of length 1 is taken for a constant.
_OPEN = 2


class _HopGraph(nn.Module):
    """`WaveModel.step` with its state as flat arguments, whose first axis counts streams and nothing else."""

    def __init__(self, net: LiteAVSEMamba, streams: int) -> None:
        super().__init__()
        self.model = WaveModel(net)
        self.like: State = self.carried(self.model.init_state(streams))
        #: Of each tensor: its rows for each stream.
        self.rows = [len(tensor) // streams for tensor in flatten_state(self.like)]

    def carried(self, state: WaveState) -> WaveState:
        """What the graph has of a state."""
        return state

    def state(self) -> list[Tensor]:
        """Of a stream that begins."""
        return self._by_stream(flatten_state(self.like))

    def forward(
        self, hop: Tensor, embedding: Tensor, video_age_s: Tensor, dry: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        out, alpha, after = self.model.step(hop, embedding, video_age_s, dry, self._joined(state))
        return out, alpha, *self._by_stream(flatten_state(after))

    def _joined(self, state: tuple[Tensor, ...]) -> WaveState:
        rows = [
            tensor.flatten(0, 1) if rows > 1 else tensor
            for tensor, rows in zip(state, self.rows, strict=True)
        ]
        joined: WaveState = unflatten_state(self.like, rows)
        return joined

    def _by_stream(self, state: list[Tensor]) -> list[Tensor]:
        return [
            tensor.unflatten(0, (-1, rows)) if rows > 1 else tensor
            for tensor, rows in zip(state, self.rows, strict=True)
        ]


class _AudioHopGraph(_HopGraph):
    """The same of a model that sees landmarks, for audio alone: without what gate or fusion carry."""

    def carried(self, state: WaveState) -> WaveState:
        return state._replace(net=state.net._replace(gate=(), fusion=()))

    def forward(self, hop: Tensor, dry: Tensor, *state: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        out, _, after = self.model.step(hop, None, None, dry, self._joined(state))
        return out, *self._by_stream(flatten_state(after))


class _LipsGraph(nn.Module):
    """The visual encoder's step from an image as cameras give it, uint8 ``[1, S, S, 3]``."""

    def __init__(self, net: LiteAVSEMamba) -> None:
        super().__init__()
        self.visual = net.visual
        self.like: State = net.visual.init_state(1)

    def state(self) -> list[Tensor]:
        """Of a stream that begins."""
        return flatten_state(self.like)

    def forward(self, crop: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        image = crop.permute(0, 3, 1, 2).float() / 255.0
        embedding, after = self.visual.step(image, unflatten_state(self.like, state))
        return embedding, *flatten_state(after)


class _CueGraph(nn.Module):
    """One tick of encoder C."""

    def __init__(self, net: LiteAVSEMamba) -> None:
        super().__init__()
        self.visual = net.visual
        self.like: State = net.visual.init_state(1)

    def state(self) -> list[Tensor]:
        """Of a stream that begins."""
        return flatten_state(self.like)

    def forward(self, landmarks: Tensor, age_s: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        cue, after = self.visual.step(landmarks, age_s, unflatten_state(self.like, state))
        return cue, *flatten_state(after)


def _write(
    graph: _HopGraph | _LipsGraph | _CueGraph,
    inputs: dict[str, Tensor],
    outputs: list[str],
    spec: StreamSpec,
    path: Path,
) -> None:
    """Export, strip what is of this machine, check, and move into place.

    Where the inputs are those of several streams, the graph takes any number.
    """
    names = state_names(graph.like)
    # Copies: the exporter would make one input of tensors that share memory.
    state = tuple(tensor.clone() for tensor in graph.state())
    any_number = {0: torch.export.Dim("streams", min=1)} if len(state[0]) > 1 else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name")  # all inputs share it, as they should
        program = torch.onnx.export(
            graph.eval(),
            (*inputs.values(), *state),
            dynamic_shapes=(*[any_number] * len(inputs), (any_number,) * len(state)),
            input_names=[*inputs, *(f"state_in.{name}" for name in names)],
            output_names=[*outputs, *(f"state_out.{name}" for name in names)],
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
            external_data=False,
        )
    assert program is not None
    program.optimize()
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # source lines of the exporting machine
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"lipstream": json.dumps(_described(spec))})
    onnx.checker.check_model(model)
    with written_whole(path) as partial:
        onnx.save(model, partial)


def _described(spec: StreamSpec) -> dict[str, object]:
    """What a graph says of its stream; graphs of models that do not look ahead stay what they were."""
    table = asdict(spec)
    if not spec.lookahead_samples:
        del table["lookahead_samples"]
    return table


def export_graphs(net: LiteAVSEMamba, folder: Path) -> list[Path]:
    """Write the graphs of a causal model into a folder, replacing what is there: see `StoredModel.graphs`.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with torch.no_grad():
            write = _write_with_landmarks if net.config.sees_landmarks else _write_with_crops
            return write(net, folder)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}; choose another --out-dir") from error


def _write_with_crops(net: LiteAVSEMamba, folder: Path) -> list[Path]:
    spec = StreamSpec.of(net.config)
    paths = [folder / f"{STEM}.onnx", folder / f"{STEM}-lips.onnx"]
    crop = {"crop": torch.zeros(1, spec.lips_size, spec.lips_size, 3, dtype=torch.uint8)}
    _write_hop(net, paths[0], lips=True)
    _write(_LipsGraph(net), crop, ["embedding_out"], spec, paths[1])
    return paths


def _write_with_landmarks(net: LiteAVSEMamba, folder: Path) -> list[Path]:
    spec = StreamSpec.of(net.config)
    paths = [folder / f"{STEM}{end}.onnx" for end in ("", "-cue", "-gate")]
    tick = {"landmarks": torch.zeros(1, len(POINTS), 3), "age_s": torch.zeros(1)}
    _write_hop(net, paths[0], lips=False)
    _write(_CueGraph(net), tick, ["cue"], spec, paths[1])
    _write_hop(net, paths[2], lips=True)
    return paths


def _write_hop(net: LiteAVSEMamba, path: Path, lips: bool) -> None:
    spec = StreamSpec.of(net.config)
    # The scan of Mamba-1 along frequency is cut by the number of its rows, which a graph must know.
    streams = 1 if net.config.frequency.version == 1 else _OPEN
    hop, dry = {"hop": torch.zeros(streams, spec.hop_samples)}, {"dry": torch.zeros(streams)}
    if not lips:
        _write(_AudioHopGraph(net, streams), hop | dry, ["out"], spec, path)
        return
    seen = {
        "embedding": torch.zeros(streams, spec.embedding_size),
        "video_age_s": torch.zeros(streams),
    }
    _write(_HopGraph(net, streams), hop | seen | dry, ["out", "alpha"], spec, path)
