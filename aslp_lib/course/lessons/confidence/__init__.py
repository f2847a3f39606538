"""Confidence and calibration."""
