"""OpenCV, or one line that says how to get it: ``from .opencv import cv2``."""

from ...core.extras import needs_extra

try:
    import cv2
except ImportError as error:  # not installed, or a shared library that it needs is not
    raise needs_extra("video", "video", error) from error

__all__ = ["cv2"]
