"""From lip crops to what the network is given: one embedding and its age for each audio frame."""

from torch import Tensor

from ..models.lite_avse import LiteAVSEMamba
from ..models.spec import NO_VIDEO_AGE_S
from .video_mixing import VideoBatch


def embed(net: LiteAVSEMamba, video: VideoBatch) -> tuple[Tensor, Tensor]:
    """Encode each video frame once and hold it for the audio frames it is the newest of.

    Returns:
        embedding ``[B, T, E]`` (zeros where there is no video yet) and its age in seconds ``[B, T]``.
    """
    crops = video.crops.permute(0, 1, 4, 2, 3).float() / 255.0
    frames, _ = net.visual(crops)
    index = video.newest.unsqueeze(-1).expand(-1, -1, frames.shape[-1])
    there = (video.age_s < NO_VIDEO_AGE_S).unsqueeze(-1)
    return frames.gather(1, index) * there, video.age_s
