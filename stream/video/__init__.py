"""Lips from a video: finding the face, cropping the mouth.

What decodes video raises InputError at import without the ``video`` extra. What tells of a camera and what
runs one in a process of its own (`camera.process`, `camera.status`, `frames`) loads no OpenCV.
"""
