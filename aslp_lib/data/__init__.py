"""Data sets of images with binary masks: the paper's folders and the embedded sets."""
