"""Other enhancers, each behind the same small protocol in a process of its own."""
