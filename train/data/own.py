"""Folders of somebody's own recordings, without manifests: who is held out is decided by names alone."""

from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from .corpora.folders import noise_folder, speech_folder
from .corpora.scan import AUDIO, HELD_OUT_NOISE, Adapter, held_out
from .manifest import Manifest

#: Share of the speakers that is held out: of few recordings more than of a corpus.
_HELD_OUT_SPEAKERS = 0.1


def own_speech(folder: Path) -> Manifest:
    """Every audio file below a folder as speech; its first sub-folders are the speakers.

    Files that are in no sub-folder are of a speaker each. Of a single speaker files are held out.

    Raises:
        InputError: the folder is missing or empty.
    """
    manifest = _read(speech_folder(str(folder), share=_HELD_OUT_SPEAKERS), "speech", folder)
    if len({item.speaker for item in manifest.items}) > 1:
        return manifest
    kept = held_out((item.file for item in manifest.items), _HELD_OUT_SPEAKERS)
    items = (replace(item, split="valid") if item.file in kept else item for item in manifest.items)
    return replace(manifest, items=tuple(items))


def own_noise(folder: Path) -> Manifest:
    """Every audio file below a folder as noise.

    Raises:
        InputError: the folder is missing or empty.
    """
    return _read(noise_folder(str(folder), share=HELD_OUT_NOISE), "noise", folder)


def _read(adapter: Adapter, kind: str, folder: Path) -> Manifest:
    if not folder.is_dir():
        raise InputError(f"--{kind} {folder}: there is no such folder")
    manifest_items = tuple(adapter.find(folder))
    if not manifest_items:
        raise InputError(f"--{kind} {folder}: no audio files in it ({', '.join(sorted(AUDIO))})")
    return Manifest(kind, folder, manifest_items)
