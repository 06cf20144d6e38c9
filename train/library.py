"""What a recipe trains on: the recordings of its manifests and data folders."""

from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from .corpora import tables
from .manifest import Manifest, read_manifest

Library = tuple[Manifest, ...]


def read_library(data: str | tuple[str, ...], exclude_licences: tuple[str, ...] = ()) -> Library:
    """The manifests that a recipe names, and for a folder with tables what these list; without test material.

    Args:
        data: a manifest or a folder with tables, or several of them.
        exclude_licences: recordings whose licence contains one of these are left out (case does not count).

    Raises:
        InputError: something is missing or no manifest.
    """
    places = (data,) if isinstance(data, str) else data
    if not places:
        raise InputError("data names nothing to train on: a folder, a manifest or several")
    excluded = tuple(name.lower() for name in exclude_licences)
    library = []
    for place in places:
        manifest = _read(Path(place))
        items = (item for item in manifest.items if item.split != "test")
        allowed = (item for item in items if not any(name in item.licence.lower() for name in excluded))
        library.append(replace(manifest, items=tuple(allowed)))
    return tuple(library)


def _read(place: Path) -> Manifest:
    if place.is_file() or place.suffix == ".jsonl":
        return read_manifest(place)
    return Manifest(str(place), place, tuple(tables.ADAPTER.find(place)))
