"""Models of the Hugging Face Hub, by ids such as ``org/name``; what is cached needs no network."""

import re
from pathlib import Path

from ...core.extras import needs_extra
from ...errors import InputError
from .folder import CARD, CONFIG

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
#: What is fetched of a repository.
_FILES = [CONFIG, CARD, "model*.onnx", "model.safetensors"]


def is_hub_id(name: str) -> bool:
    """Whether a name looks like one of the Hub."""
    return _ID.fullmatch(name) is not None


def fetch(name: str) -> Path:
    """The folder of a model in the Hub's cache, fetched if it is not there.

    Raises:
        InputError: the package is not installed, there is no such model, or the Hub cannot be reached.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError
    except ImportError as error:
        raise needs_extra(
            f"there is no folder '{name}' here, and to fetch it from the Hub", "hub", error
        ) from error
    try:
        cached = Path(snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
        if (cached / CONFIG).is_file():
            return cached
    except LocalEntryNotFoundError:
        pass  # not in the cache
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
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
