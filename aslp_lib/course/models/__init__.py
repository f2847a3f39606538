"""What single notebooks need beside the library."""
