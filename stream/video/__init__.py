"""Lips from a video: finding the face, cropping the mouth. InputError without the ``video`` extra."""

from importlib import import_module

from ...errors import InputError

try:
    import_module("cv2")
except ImportError as error:  # not installed, or a shared library that it needs is not
    raise InputError(f"video needs OpenCV and MediaPipe ({error}): pip install 'lipstream[video]'") from error
