"""The loss SC-BCE."""
