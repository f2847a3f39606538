"""Images with binary masks: the paper's folders, textures, and a set embedded in the library."""
