"""What the notebooks use beside the library itself."""
