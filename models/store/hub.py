"""Models of the Hugging Face Hub, by ids such as ``org/name`` or ``org/name@revision``.

A revision is a branch, a tag or a commit of the model's repository. What is cached needs no network.
"""

import re
from pathlib import Path

from ...core.extras import needs_extra
from ...errors import InputError
from .folder import CARD, CONFIG

_ID = re.compile(r"(?P<model>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>\w[\w./-]*))?")
#: What is fetched of a repository.
_FILES = [CONFIG, CARD, "model*.onnx", "model.safetensors"]


def is_hub_id(name: str) -> bool:
    """Whether a name looks like one of the Hub, with a revision or without."""
    return _ID.fullmatch(name) is not None


def pinned(name: str, revision: str) -> str:
    """The id of one revision of a model, ``org/name@revision``.

    Raises:
        InputError: the name is no id of the Hub, it names a revision itself, or the revision cannot be one.
    """
    there = _ID.fullmatch(name)
    if there is None or there["revision"] is not None:
        raise InputError(
            f"revision={revision!r} goes with an id of the Hub such as org/name, and '{name}' is "
            + (
                "none: leave the revision out"
                if there is None
                else "one with a revision: give one of the two"
            )
        )
    both = f"{name}@{revision}"
    if not is_hub_id(both):
        raise InputError(f"{revision!r} is no revision: name a branch, a tag or a commit of '{name}'")
    return both


def fetch(name: str) -> Path:
    """The folder of a model in the Hub's cache, fetched if it is not there.

    Args:
        name: ``org/name``, which is the newest revision that was fetched, or ``org/name@revision``.

    Raises:
        InputError: the package is not installed, there is no such model or revision, or the Hub cannot be
            reached.
    """
    id_ = _ID.fullmatch(name)
    if id_ is None:
        raise InputError(f"'{name}' is no id of the Hub: name a model as org/name or org/name@revision")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError as error:
        raise needs_extra(
            f"there is no folder '{name}' here, and to fetch it from the Hub", "hub", error
        ) from error
    model, revision = id_["model"], id_["revision"]
    try:
        cached = Path(
            snapshot_download(model, revision=revision, allow_patterns=_FILES, local_files_only=True)
        )
        if (cached / CONFIG).is_file():
            return cached
    except LocalEntryNotFoundError:
        pass  # not in the cache
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=_FILES))
    except RevisionNotFoundError as error:
        raise InputError(
            f"the model '{model}' of the Hub has no revision '{revision}': name one of its branches, tags or "
            "commits, as its page lists them"
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"no model '{name}': there is no such folder here, and the Hub shows you none of this name "
            "(for a private one, log in with: hf auth login)"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(
            f"there is no folder '{name}' here, and it cannot be fetched from the Hub ({reason}): go online, "
            "or copy the model's folder to this machine and name that"
        ) from error
