"""What a file with sound says of itself, and the one name of each format in this project."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AudioLayout:
    """What an audio file says of itself.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        frames: samples of each channel as the file announces them; 0 where it does not.
        format: name of the container: libsndfile's, e.g. ``WAV``, or one of `formats.CONTAINERS`.
        subtype: name of the sample format: libsndfile's, e.g. ``PCM_16``, else the codec's, e.g. ``AAC``.
        bit_rate: of the compressed sound in bits a second; 0: not compressed, or not known.
        speakers: FFmpeg's name of the places of the channels, e.g. ``5.1``; empty: not known.
    """

    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    bit_rate: int = 0
    speakers: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate
