"""Training with checkpoints; in one process, a resumed run ends with the same weights, exactly."""
