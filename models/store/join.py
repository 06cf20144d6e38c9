"""One file of weights out of three parts that are trained apart: network for sound, encoder C, voice gate."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...core.storage import written_whole
from ...errors import InputError
from ..config import preset
from ..lips.voice_gate import VoiceGate
from ..lite_avse import LiteAVSEMamba
from .folder import form_metadata, read_metadata
from .landmark_weights import cue_metadata
from .registry import require_file, weights_file

#: Of the names of all tensors that are not those of the network for sound.
_ENCODER, GATE_PREFIX, _LIPS = "visual.", "gate.", ("visual.", "gate.", "fusion.")
#: Of the metadata that say how a gate was trained.
_ABOUT_GATE = "lipstream-gate"


def join_weights(name: str, sound: Path | None, cue: Path | None, gate: Path | None, out: Path) -> None:
    """Write the weights of a model with a voice gate from those of its parts.

    Args:
        name: of the preset.
        sound: weights of the preset, whatever lips they go with; what makes its audio-only output counts.
        cue: of encoder C alone, as ``lipstream cue train`` writes them, or of a whole model.
        gate: of the gate alone, by the names of its parameters, or of a whole model.
        out: the file to write; one that is there is replaced when all is done.

        None stands for the weights that ship with the preset.

    Raises:
        InputError: a preset without a gate, a file that lacks its part or holds one of other sizes, or an
            unwritable file.
    """
    config = preset(name)
    if config.gate is None:
        raise InputError(
            f"model '{name}' has no voice gate: join makes weights of models that have one, as 'lite'"
        )
    shipped = weights_file(name)
    sources = [require_file(shipped, name) if file is None else file for file in (sound, cue, gate)]
    tensors = {key: value for key, value in _read(sources[0]).items() if not key.startswith(_LIPS)}
    tensors |= _part(sources[1], _ENCODER) | _part(sources[2], GATE_PREFIX)
    model = LiteAVSEMamba(config)
    wanted = {key: value.shape for key, value in model.state_dict().items()}
    for key in wanted.keys() | tensors.keys():
        if key not in tensors or wanted.get(key) != tensors[key].shape:
            source = sources[1 if key.startswith(_ENCODER) else 2 if key.startswith(GATE_PREFIX) else 0]
            raise InputError(
                f"{source} does not fit preset '{name}': {key} is missing, unknown or of other sizes"
            )
    metadata = form_metadata(config) | cue_metadata(sources[1])
    if about := read_metadata(sources[2]).get(_ABOUT_GATE):
        metadata[_ABOUT_GATE] = about
    _write(out, {key: tensors[key] for key in wanted}, metadata)


def take_encoder(net: LiteAVSEMamba, source: Path) -> None:
    """Give a model that sees landmarks the encoder C of another, which is not trained further.

    Args:
        net: to be changed.
        source: weights with encoder C, or what `find_model` knows, as ``lite``.

    Raises:
        InputError: no such model or weights, or an encoder of other sizes.
    """
    file = source if source.suffix == ".safetensors" else require_file(weights_file(source), source)
    tensors = {key[len(_ENCODER) :]: value for key, value in _part(file, _ENCODER).items()}
    try:
        net.visual.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(
            f"{file} has no encoder C of these sizes: {str(error).splitlines()[1].strip()}"
        ) from error
    net.visual.requires_grad_(False)


def with_gate(name: str, weights: Path, gate: VoiceGate, about: Mapping[str, object], out: Path) -> None:
    """Write the weights of a model with another voice gate; all other tensors stay as they are, to the bit.

    Args:
        name: of the preset.
        weights: of it, with encoder C.
        gate: that takes the place of theirs, or comes to them.
        about: how it was trained, what json can write.
        out: the file to write; one that is there is replaced when all is done.

    Raises:
        InputError: weights that cannot be read, or an unwritable file.
    """
    tensors = {key: value for key, value in _read(weights).items() if not key.startswith(GATE_PREFIX)}
    tensors |= {GATE_PREFIX + key: value for key, value in gate.state_dict().items()}
    metadata = form_metadata(preset(name)) | cue_metadata(weights)
    _write(out, tensors, metadata | {_ABOUT_GATE: json.dumps(dict(about))})


def _write(out: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    try:
        with written_whole(out) as partial:
            save_file({key: value.contiguous() for key, value in tensors.items()}, partial, metadata)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write '{out}': {error}") from error


def _part(file: Path, prefix: str) -> dict[str, Tensor]:
    """The tensors of a part by their names in a model; the file may hold that part alone."""
    tensors = _read(file)
    inside = {key: value for key, value in tensors.items() if key.startswith(prefix)}
    return inside or {prefix + key: value for key, value in tensors.items()}


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise InputError(f"{file}: no such weights file")
    try:
        return load_file(file)
    except SafetensorError as error:
        raise InputError(f"{file} is no safetensors file: {error}") from error
