"""Maps of a network's probabilities: predicted, kept on disk, read and recalibrated."""
