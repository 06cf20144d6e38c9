"""Lips from a video: finding the face, cropping the mouth.

What touches pictures raises InputError at import without the ``video`` extra. What tells of a camera and what
runs one in a process of its own (`camera_process`, `camera_status`, `mailbox`) loads no OpenCV.
"""
