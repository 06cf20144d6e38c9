"""What the judge's scenes make of a real clip: a photograph stands still, and an offset is found."""

from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"
