"""Cues from lips: what encoder C learns from, how it is trained and judged, and how its errors are."""
