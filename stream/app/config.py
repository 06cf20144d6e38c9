"""Settings of the page: which models it offers, and where it listens. Light at import."""

from dataclasses import dataclass, field

from ...core.options import check_ranges, option
from ...errors import InputError
from ..defaults import HOST, PORT


@dataclass(frozen=True)
class AppConfig:
    """What a page offers and where.

    Attributes:
        models: names of presets with weights.
        host, port: to listen on; port 0 takes a free one.
        share: publish through Gradio's tunnel: everybody with the link can use this machine.

    Raises:
        InputError: no model, or a port that cannot be.
    """

    models: tuple[str, ...] = field(
        metadata=option("presets to choose from (default: all with weights)", "M", "--model")
    )
    host: str = field(default="127.0.0.1", metadata=HOST)
    port: int = field(default=7860, metadata=PORT)
    share: bool = field(
        default=False,
        metadata=option("publish the page through Gradio's tunnel, for everybody with the link"),
    )

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError("the page needs a model: name at least one")
        check_ranges(self)
