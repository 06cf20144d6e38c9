"""Thin adapters that put an Enhancer into the pipelines of voice agents."""
