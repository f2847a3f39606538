"""Data sets of images with binary masks: the paper's folders, textures and synthetic data."""
