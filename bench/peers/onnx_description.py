"""The description that makes an ONNX graph with carried state a peer: a small TOML file beside the graph.

    name = "GTCRN"
    graph = "gtcrn_simple.onnx"   # relative to this file
    sample_rate = 16000
    hop = 256                     # new samples a call
    window = 512                  # only where the graph takes spectra; leave out where it takes waves
    input = "mix"                 # float32, hop samples, or window/2 + 1 pairs of real and imaginary part
    output = "enh"                # the same

    [states]                      # input = output; a * at the end of both stands for any rest
    conv_cache = "conv_cache_out"

    [constants]                   # inputs that always have the same value
    strength = 1.0

States start at zero. Spectra are of a periodic Hann window's square root, and overlap-added with it again.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError

_REQUIRED = {"name": str, "graph": str, "sample_rate": int, "hop": int, "input": str, "output": str}
_OPTIONAL = {"window": int, "states": dict, "constants": dict}


@dataclass(frozen=True)
class OnnxDescription:
    """What the bench must know of a graph; see the text above for each name.

    Raises:
        InputError: a number that is not positive, or a window shorter than two hops or no multiple of them.
    """

    name: str
    graph: Path
    sample_rate: int
    hop: int
    input: str
    output: str
    window: int | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sample_rate <= 0 or self.hop <= 0:
            raise InputError(f"{self.name}: sample_rate and hop must be positive")
        if self.window is not None and (self.window < 2 * self.hop or self.window % self.hop):
            raise InputError(f"{self.name}: window must be twice the hop of {self.hop} or a larger multiple")

    def state_pairs(self, inputs: list[str]) -> dict[str, str]:
        """Each state input of a graph with the output that carries it on, patterns filled in."""
        pairs: dict[str, str] = {}
        for source, target in self.states.items():
            if source.endswith("*") and target.endswith("*"):
                stem = source[:-1]
                pairs |= {name: target[:-1] + name[len(stem) :] for name in inputs if name.startswith(stem)}
            else:
                pairs[source] = target
        return pairs


def read_description(path: Path) -> OnnxDescription:
    """Read a description.

    Raises:
        InputError: the file cannot be read, is no TOML, lacks a key, has one too many or one of the wrong
            type; or the graph is not there.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the description '{path}': give the path of a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{path}' is no TOML: {error}") from error
    _check_keys(path, table)
    graph = path.parent / table.pop("graph")
    if not graph.is_file():
        raise InputError(f"'{path}' names the graph '{graph}', which is not there")
    return OnnxDescription(graph=graph, **table)


def _check_keys(path: Path, table: dict[str, object]) -> None:
    missing, unknown = _REQUIRED.keys() - table.keys(), table.keys() - _REQUIRED.keys() - _OPTIONAL.keys()
    if missing or unknown:
        wrong = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        wrong += [f"has the unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise InputError(f"'{path}' {' and '.join(wrong)}")
    for key, kind in (_REQUIRED | _OPTIONAL).items():
        if key in table and type(table[key]) is not kind:
            raise InputError(f"'{path}': {key} must be of type {kind.__name__}, not {table[key]!r}")
    for key, kinds in (("states", (str,)), ("constants", (int, float))):
        entries: dict[str, object] = table.get(key, {})  # type: ignore[assignment]
        for name, value in entries.items():
            if type(value) not in kinds:
                raise InputError(f"'{path}': {key}.{name} must be a {kinds[-1].__name__}, not {value!r}")
