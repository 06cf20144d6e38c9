"""The voice gate: trained on simulated cues beside a network for sound that stays as it is, and judged."""
