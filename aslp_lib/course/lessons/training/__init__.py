"""Training with ASLP."""
