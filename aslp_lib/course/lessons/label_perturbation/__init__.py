"""Label perturbation."""
