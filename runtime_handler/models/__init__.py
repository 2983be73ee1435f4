"""Which model versions exist, which are on disk, which are loaded."""
