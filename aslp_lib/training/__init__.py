"""Training with checkpoints; a resumed run ends with the same weights, bit for bit."""
