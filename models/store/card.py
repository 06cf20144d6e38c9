"""The card of a model folder, ``README.md``: what is known of a model, and what is not."""

import json
from collections.abc import Mapping
from typing import Any

from .folder import METADATA_KEY

#: Key of the metadata of weights under which a training says what it learned from.
TRAINING_KEY = f"{METADATA_KEY}-training"

_HEAD = """---
library_name: lipstream
pipeline_tag: audio-to-audio
tags:
- speech-enhancement
- noise-suppression
---
"""
_SCORES = {
    "val_sound_pesq": "PESQ-WB",
    "val_sound_stoi": "STOI",
    "val_sound_estoi": "ESTOI",
    "val_sound_si_sdr": "SI-SDR in dB",
}


def card_text(name: str, facts: str, lips: str, metadata: Mapping[str, str]) -> str:
    """The card as Markdown.

    Args:
        name: of the model, as its title.
        facts: what it is, in a sentence.
        lips: what is known of its lips, in a sentence; empty where it hears only.
        metadata: of its weights.
    """
    training = json.loads(metadata.get(TRAINING_KEY, "{}"))
    parts = [
        f"# {name}\n\n{facts}",
        "## Use\n\n    lipstream enhance noisy.wav --model FOLDER\n\nor, in Python,\n\n"
        '    enhancer = lipstream.from_pretrained("FOLDER")',
        "## Training\n\n" + "\n".join(f"- {line}" for line in (*_training(training), lips) if line),
    ]
    if scores := _scores(json.loads(metadata.get("scores", "{}"))):
        parts.append(
            "## Figures\n\nOn mixtures of voices and noises that its training held out, at the step that was "
            f"kept:\n\n{scores}"
        )
    parts.append("## Licence\n\nNot stated. Say here under which terms others may use the model.")
    return _HEAD + "\n\n".join(parts) + "\n"


def _training(training: Mapping[str, Any]) -> list[str]:
    if not training:
        return ["Not stated."]
    lines = [
        f"{training['steps']} steps by `lipstream train`, {training['heard_h']:g} hours of mixtures heard, "
        f"preset `{training['preset']}`"
        + (", from other weights on" if training["started_from_weights"] else ", from random weights")
    ]
    hours = ", ".join(f"{value:g} h of {kind}" for kind, value in training["hours"].items())
    if hours:
        lines.append(f"Recordings: {hours}")
    if training["licences"]:
        lines.append(f"Licences of the recordings: {', '.join(training['licences'])}")
    return lines


def _scores(scores: Mapping[str, float | None]) -> str:
    rows = [f"| {title} | {scores[key]:g} |" for key, title in _SCORES.items() if scores.get(key) is not None]
    return "\n".join(["| score | mean |", "|---|---|", *rows]) if rows else ""
