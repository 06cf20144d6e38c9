"""Other enhancers, each behind the same small protocol, measured side by side with lipstream."""
