"""Independent processors: each decides what to do about events; the runtime does it."""
