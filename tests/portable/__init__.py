"""The notebooks and the numeric tests on other processors: `python tests/portable`."""
