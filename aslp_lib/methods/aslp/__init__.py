"""The paper, nothing else: label perturbation, SC-BCE and the adaptive rules."""
