"""Calibration and saliency metrics of dense binary maps, all read from one joint histogram."""
