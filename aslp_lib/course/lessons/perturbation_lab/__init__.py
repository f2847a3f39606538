"""Networks at constant perturbations."""
