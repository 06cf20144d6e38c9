"""What may change while a stream runs: one object, shared by whoever sets it and whoever reads it."""

from math import isnan

from ..errors import InputError

#: An attenuation limit in dB from which on there is none.
NO_LIMIT_DB = 100.0
#: Words for attenuation limits, by which most people know them: how strongly noise is suppressed.
STRENGTHS = {"light": 12.0, "medium": 24.0, "strong": NO_LIMIT_DB}


def parse_strength(text: str) -> float:
    """An attenuation limit in dB as a user writes it: light, medium, strong, or a number of dB.

    Raises:
        InputError: neither.
    """
    if (limit := STRENGTHS.get(text.lower())) is not None:
        return limit
    try:
        return _checked_atten_limit(float(text))
    except ValueError as error:
        words = ", ".join(STRENGTHS)
        raise InputError(f"'{text}' is no strength: choose {words}, or a number of dB from 0") from error


def strength_text(limit_db: float) -> str:
    """An attenuation limit as `parse_strength` takes it: the word for it, if there is one."""
    return next((word for word, db in STRENGTHS.items() if db == limit_db), f"{limit_db:g}")


def strength_words(limit_db: float) -> str:
    """An attenuation limit in words: how strongly noise is suppressed, and by how much."""
    if limit_db >= NO_LIMIT_DB:
        return "strong, without a limit"
    if limit_db == 0:
        return "none, 0 dB"
    word = "light" if limit_db < (STRENGTHS["light"] + STRENGTHS["medium"]) / 2 else "medium"
    word = "strong" if limit_db > STRENGTHS["medium"] else word
    return f"{word}, up to {limit_db:g} dB"


class Controls:
    """Settings of a running stream, to be set from any thread; none of them clicks.

    Enhancers read them at every hop, a live stream's playback buffer reads `mute` at every block.

    Args:
        atten_limit_db: attenuate no sound by more than this, in dB from 0; 100 and above: no limit.
        bypass: give the input itself, still delayed by the latency, while the model goes on listening.
        video: whether lips count. While it is False, frames are dropped unseen.
        mute: play silence. Live streams only; a recording goes on.

    Raises:
        InputError: a limit that is no number of dB from 0; also when it is set later.
    """

    def __init__(
        self,
        atten_limit_db: float = NO_LIMIT_DB,
        bypass: bool = False,
        video: bool = True,
        mute: bool = False,
    ) -> None:
        self.atten_limit_db = atten_limit_db
        self.bypass = bypass
        self.video = video
        self.mute = mute

    @property
    def atten_limit_db(self) -> float:
        """The most, in dB, by which any sound is attenuated; 100 and above: no limit."""
        return self._atten_limit_db

    @atten_limit_db.setter
    def atten_limit_db(self, limit: float) -> None:
        self._atten_limit_db = _checked_atten_limit(limit)

    @property
    def dry(self) -> float:
        """The share of the noisy signal in the output, 0 to 1."""
        if self.bypass:
            return 1.0
        limit = self._atten_limit_db
        return 0.0 if limit >= NO_LIMIT_DB else 10 ** (-limit / 20)


class Controlled:
    """Has the `controls` of a stream, and gives those of an enhancer as properties of its own.

    Attributes:
        controls: may be shared with other streams.
    """

    controls: Controls

    @property
    def atten_limit_db(self) -> float:
        """The most, in dB, by which any sound is attenuated; 100 and above: no limit."""
        return self.controls.atten_limit_db

    @atten_limit_db.setter
    def atten_limit_db(self, limit: float) -> None:
        self.controls.atten_limit_db = limit

    @property
    def bypass(self) -> bool:
        """Whether the output is the input itself, still delayed by the latency."""
        return self.controls.bypass

    @bypass.setter
    def bypass(self, bypass: bool) -> None:
        self.controls.bypass = bypass

    @property
    def video(self) -> bool:
        """Whether lips count."""
        return self.controls.video

    @video.setter
    def video(self, video: bool) -> None:
        self.controls.video = video


def _checked_atten_limit(limit_db: float) -> float:
    """The limit as a float; InputError where it is no number of dB from 0."""
    try:
        limit = float(limit_db)
    except (TypeError, ValueError) as error:
        raise InputError(f"atten_limit_db must be a number of dB, not {limit_db!r}") from error
    if isnan(limit) or limit < 0:
        raise InputError(f"atten_limit_db must be at least 0 dB (100: no limit), not {limit:g}")
    return limit
