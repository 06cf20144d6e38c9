"""VoiceBank+DEMAND: clean speech with its noisy twin (Valentini-Botinhao et al., 2016)."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..manifest import Item
from .scan import AUDIO, Adapter, files_below

LICENCE = "CC BY 4.0"
#: The two training speakers, a woman and a man, that are commonly held out for validation.
HELD_OUT_SPEAKERS = frozenset({"p226", "p287"})
_CLEAN = re.compile(r"clean_(train|test)set(_\w+?)?_wav(?:_16k)?")


def _find(folder: Path) -> Iterator[Item]:
    for place in sorted(folder.glob("clean_*")):
        match = _CLEAN.fullmatch(place.name)
        if not match:
            continue
        noisy_place = place.with_name(place.name.replace("clean_", "noisy_"))
        for file in files_below(place, AUDIO):
            speaker = file.name.split("_")[0]
            split = "test" if match[1] == "test" else "valid" if speaker in HELD_OUT_SPEAKERS else "train"
            noisy = noisy_place / file
            yield Item(
                "speech",
                (place / file).relative_to(folder).as_posix(),
                "voicebank",
                f"voicebank/{speaker}",
                split,
                licence=LICENCE,
                noisy=noisy.relative_to(folder).as_posix() if noisy.is_file() else "",
            )


ADAPTER = Adapter(
    "voicebank",
    "VoiceBank+DEMAND, clean speech with its noisy twin",
    "clean_trainset_28spk_wav, noisy_trainset_28spk_wav, clean_testset_wav and noisy_testset_wav (56spk as "
    "well) of files such as p226_001.wav",
    _find,
)
