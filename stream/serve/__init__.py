"""Many live streams over WebSockets: an `EnhancerPool` in each process, one process for each core."""
