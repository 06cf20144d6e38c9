"""Which synthetic voices there are: each a style of the synthesizer, or a mean of two or three, at its speed.

A style of Kokoro says how a voice sounds, and is a table of vectors. The mean of two styles is a voice
between them. Weights are drawn from a Dirichlet distribution, so that most means lean towards one of their
styles. Nothing of a style that is held out is in any voice of training.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ..data.corpora.scan import held_out

#: The first letter of a style's name is the accent that it was trained on: the language of its texts, and
#: the styles that may join it. Kokoro's Japanese and Mandarin styles need phonemes that espeak does not give.
ACCENTS = {
    "a": ("en-us", "ab"),
    "b": ("en-gb", "ab"),
    "e": ("es", "efip"),
    "f": ("fr", "efip"),
    "h": ("hi", "h"),
    "i": ("it", "efip"),
    "p": ("pt-br", "efip"),
}
SLOWEST, FASTEST = 0.8, 1.25
#: Share of the styles of an accent that is kept for validation, where it has this many.
HELD_OUT_STYLES, _RICH = 0.1, 4
#: Share of the voices that is for validation, at least.
HELD_OUT_VOICES = 0.04
#: Dirichlet concentration: below 1 leans towards one style.
_CONCENTRATION = 0.9
#: A style with less than this in a mean would be as good as not there.
_LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Voice:
    """Somebody who does not exist.

    Attributes:
        name: unique; for a plain style its name.
        language: of the phonemes: ``en-us``, ``en-gb``, ``es``, ``fr``, ``hi``, ``it`` or ``pt-br``.
        styles: names and weights, which add up to 1.
        speed: of speaking, 1 as the styles do by themselves.
        split: "train" or "valid".
    """

    name: str
    language: str
    styles: tuple[tuple[str, float], ...]
    speed: float
    split: str


def draw_voices(styles: Iterable[str], count: int, seed: int) -> list[Voice]:
    """Voices in an order in which every part of the list has every accent by its share.

    First of all come the plain styles. The same styles, count and seed give the same voices.

    Args:
        styles: names such as ``af_heart``, of which those with an accent in `ACCENTS` are used.
        count: of voices.
        seed: of the draw.

    Raises:
        InputError: fewer voices are asked for than there are styles, or the styles do not do for both
            sides of the split.
    """
    usable = sorted(style for style in styles if style[:1] in ACCENTS)
    # An accent of few styles keeps them for training.
    by_accent = [[style for style in usable if style[0] == accent] for accent in ACCENTS]
    rich = [styles for styles in by_accent if len(styles) >= _RICH]
    kept = {style for styles in rich for style in held_out(styles, HELD_OUT_STYLES)}
    if not kept or count < len(usable):
        raise InputError(
            f"{count} voices of {len(usable)} styles: at least as many voices as styles are needed, and "
            f"{_RICH} styles of one accent"
        )
    sides = {is_kept: [style for style in usable if (style in kept) is is_kept] for is_kept in (False, True)}
    mixable = {is_kept: [style for style in pool if _friends(style, pool)] for is_kept, pool in sides.items()}
    if not mixable[False]:
        raise InputError("no two styles of training are of one family of accents: more styles are needed")
    rng = np.random.default_rng((seed, 0))
    voices = [_voice(style, ((style, 1.0),), rng, style in kept) for style in usable]
    valid = max(round(HELD_OUT_VOICES * count) - len(kept), 0) if mixable[True] else 0
    seen: set[tuple[tuple[str, float], ...]] = set()
    while len(voices) < count:
        number = len(voices) - len(usable)
        is_kept = number < valid
        first = mixable[is_kept][int(rng.integers(len(mixable[is_kept])))]
        joined = rng.permutation(_friends(first, sides[is_kept]))[: int(rng.integers(1, 3))].tolist()
        shares = rng.dirichlet([_CONCENTRATION] * (1 + len(joined)))
        weights = (-np.sort(-shares)).round(4).tolist()
        mixed = tuple(zip([first, *joined], weights, strict=True))
        if mixed not in seen and weights[-1] > _LEAST_SHARE and weights[0] < 1.0 - _LEAST_SHARE:
            seen.add(mixed)
            voices.append(_voice(f"mix{number:04}", mixed, rng, is_kept))
    plain, mixed_voices = voices[: len(usable)], voices[len(usable) :]
    return [
        *(plain[index] for index in rng.permutation(len(plain))),
        *(mixed_voices[index] for index in rng.permutation(len(mixed_voices))),
    ]


def _friends(style: str, pool: list[str]) -> list[str]:
    """The styles of a pool that may join one."""
    return [other for other in pool if other[0] in ACCENTS[style[0]][1] and other != style]


def _voice(
    name: str, styles: tuple[tuple[str, float], ...], rng: np.random.Generator, is_kept: bool
) -> Voice:
    speed = round(float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST)))), 3)
    return Voice(name, ACCENTS[styles[0][0][0]][0], styles, speed, "valid" if is_kept else "train")
