"""Training at a constant perturbation beside temperature scaling."""
