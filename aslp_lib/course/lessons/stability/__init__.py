"""Stability of the perturbation levels."""
