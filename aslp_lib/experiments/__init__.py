"""Experiments that compare training methods over several seeds: runs, records and statistics."""
