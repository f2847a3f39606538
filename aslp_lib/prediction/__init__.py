"""Probability maps of a network: predicted, stored with their provenance, read and recalibrated."""
