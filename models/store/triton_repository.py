"""A model repository of NVIDIA's Triton Inference Server: graphs whose state is one tensor that it keeps.

A graph of a hop carries some twenty states. Here they are packed into one, which the server hands from each
request of a sequence to the next: its sequence batcher with implicit state ("Implicit State Management" of
Triton's user guide). A sequence, known by its correlation id, is a stream; it begins from zeros, as ours do.
Needs ONNX, and no torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ...core.storage import written_whole
from ...errors import InputError
from .registry import ModelName, find_model, require_file

#: Names of the packed state.
STATE_IN, STATE_OUT = "state_in", "state_out"
#: Most hops that the server puts into one batch, streams whose state it holds, and how long it waits for one.
BATCH, STREAMS, DELAY_US = 64, 1024, 500
#: A stream that sends nothing for so long is forgotten.
IDLE_S = 10
_KINDS: dict[int, str] = {TensorProto.FLOAT: "TYPE_FP32", TensorProto.UINT8: "TYPE_UINT8"}


@dataclass(frozen=True)
class PackedGraph:
    """A graph with one state, and what the server must know of it.

    Attributes:
        model: of ONNX. Its inputs and outputs have an axis of streams first; what is a number for each
            stream is ``[streams, 1]``.
        any_number: whether there may be several streams in a batch.
        inputs, outputs: shapes without that axis, and kinds of Triton, by name; without the state.
        state_size: numbers that a stream carries.
    """

    model: onnx.ModelProto
    any_number: bool
    inputs: Mapping[str, tuple[list[int], str]]
    outputs: Mapping[str, tuple[list[int], str]]
    state_size: int


def write_repository(name: ModelName, folder: Path) -> list[Path]:
    """Write the graphs of a model for Triton, each with its ``config.pbtxt``.

    Args:
        name: see `find_model`; its graphs must be there.
        folder: the repository, as ``tritonserver --model-repository`` takes it. It may hold other models.

    Returns:
        The files written: of a hop of audio alone, of the visual encoder, of a hop with the voice gate,
        as far as the model has them.

    Raises:
        InputError: no such model, no graphs, or a folder that cannot be written.
    """
    found = find_model(name)
    stems = ("", "_cue", "_gate") if found.config.sees_landmarks else ("", "_lips")
    graphs = [onnx.load(require_file(path, name)) for path in found.graphs]
    written = []
    for stem, graph in zip(stems, graphs, strict=True):
        title = f"lipstream_{found.config.name}{stem}"
        packed = pack(graph)
        target = folder / title / "1" / "model.onnx"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(target) as partial:
                onnx.save(packed.model, partial)
            with written_whole(folder / title / "config.pbtxt") as partial:
                partial.write_text(config_text(title, packed), encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"cannot write to {folder}: {error.strerror}; choose another --triton"
            ) from error
        written += [target, folder / title / "config.pbtxt"]
    return written


def pack(graph: onnx.ModelProto) -> PackedGraph:
    """The same graph with all its states in one tensor, ``state_in`` and ``state_out``: ``[streams, S]``.

    Args:
        graph: as `export` writes it, its states named ``state_in.*`` and ``state_out.*``; it is changed.
    """
    inner = graph.graph
    states = [item for item in inner.input if item.name.startswith(f"{STATE_IN}.")]
    given = [item for item in inner.input if item not in states]
    after = [item for item in inner.output if item.name.startswith(f"{STATE_OUT}.")]
    told = [item for item in inner.output if item not in after]
    any_number = not _dims(given[0])[0]
    streams = _dims(given[0])[0] or "streams"
    sizes = [prod(_dims(item)[1:]) for item in states]

    before, behind = [], []
    for item in (*given, *told):
        if len(_dims(item)) == 1:  # a number for each stream: Triton has no tensors without axes
            flat = f"{item.name}.flat"
            _rename(inner, item.name, flat)
            if item in given:
                before += _reshape(inner, item.name, flat, [-1])
            else:
                behind += _reshape(inner, flat, item.name, [-1, 1])
            item.type.tensor_type.shape.dim.add(dim_value=1)
    parts = [f"{item.name}.part" for item in states]
    before.append(helper.make_node("Split", [STATE_IN, _constant(inner, "sizes", sizes)], parts, axis=1))
    for part, item in zip(parts, states, strict=True):
        before += _reshape(inner, part, item.name, [-1, *_dims(item)[1:]])
    for item, size in zip(after, sizes, strict=True):
        behind += _reshape(inner, item.name, f"{item.name}.part", [-1, size])
    behind.append(helper.make_node("Concat", [f"{item.name}.part" for item in after], [STATE_OUT], axis=1))

    nodes = [*before, *inner.node, *behind]
    total = sum(sizes)
    ends = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, [streams, total])
        for end in (STATE_IN, STATE_OUT)
    ]
    for field, values in (("node", nodes), ("input", [*given, ends[0]]), ("output", [*told, ends[1]])):
        kept = [type(value).FromString(value.SerializeToString()) for value in values]
        inner.ClearField(field)
        getattr(inner, field).extend(kept)
    onnx.checker.check_model(graph)
    return PackedGraph(graph, any_number, _described(given), _described(told), total)


def config_text(name: str, packed: PackedGraph) -> str:
    """``config.pbtxt`` of a packed graph, in the text format of Triton's ``ModelConfig``."""
    batch = [] if packed.any_number else [1]
    lines = [
        "# Written by lipstream export --triton. A sequence of requests with one correlation id is a stream.",
        f'name: "{name}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {BATCH if packed.any_number else 0}",
        *_tensors("input", packed.inputs, batch),
        *_tensors("output", packed.outputs, batch),
        "sequence_batching {",
        f"  max_sequence_idle_microseconds: {IDLE_S * 1_000_000}",
        f"  oldest {{ max_candidate_sequences: {STREAMS} max_queue_delay_microseconds: {DELAY_US} }}",
        "  state {",
        f'    input_name: "{STATE_IN}"',
        f'    output_name: "{STATE_OUT}"',
        "    data_type: TYPE_FP32",
        f"    dims: {[*batch, packed.state_size]}",
        "    initial_state {",
        '      name: "silence"',
        "      data_type: TYPE_FP32",
        f"      dims: {[*batch, packed.state_size]}",
        "      zero_data: true",
        "    }",
        "  }",
        "}",
        "# One thread for each instance: a hop is too short to be shared among several.",
        'parameters { key: "intra_op_thread_count" value { string_value: "1" } }',
        'parameters { key: "inter_op_thread_count" value { string_value: "1" } }',
    ]
    return "\n".join(lines) + "\n"


def _tensors(field: str, tensors: Mapping[str, tuple[list[int], str]], batch: Sequence[int]) -> Iterator[str]:
    for name, (dims, kind) in tensors.items():
        yield f'{field} {{ name: "{name}" data_type: {kind} dims: {[*batch, *dims]} }}'


def _described(items: Sequence[onnx.ValueInfoProto]) -> dict[str, tuple[list[int], str]]:
    return {item.name: (_dims(item)[1:], _KINDS[item.type.tensor_type.elem_type]) for item in items}


def _dims(item: onnx.ValueInfoProto) -> list[int]:
    """The shape; 0 where the number is open."""
    return [dim.dim_value for dim in item.type.tensor_type.shape.dim]


def _constant(graph: onnx.GraphProto, name: str, values: Sequence[int]) -> str:
    """The name of a new tensor of the graph that holds these whole numbers."""
    full = f"packed.{name}"
    graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), full))
    return full


def _reshape(graph: onnx.GraphProto, source: str, target: str, shape: Sequence[int]) -> list[onnx.NodeProto]:
    return [helper.make_node("Reshape", [source, _constant(graph, f"shape.{target}", shape)], [target])]


def _rename(graph: onnx.GraphProto, name: str, new: str) -> None:
    """Of a value inside the graph; its entry among inputs and outputs stays."""
    for node in graph.node:
        for values in (node.input, node.output):
            for index, value in enumerate(values):
                if value == name:
                    values[index] = new
