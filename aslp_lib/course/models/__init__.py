"""Small models, simulations and studies, each used by one or two notebooks."""
