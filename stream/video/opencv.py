"""OpenCV, or one line that says how to get it: ``from .opencv import cv2``."""

from ...errors import InputError

try:
    import cv2
except ImportError as error:  # not installed, or a shared library that it needs is not
    raise InputError(f"video needs OpenCV and MediaPipe ({error}): pip install 'lipstream[video]'") from error

__all__ = ["cv2"]
