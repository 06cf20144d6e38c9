"""The mathematics of state-space models in plain torch: what every other kernel is tested against."""
