"""Tools that make copies, solutions, assignments and archives from the committed notebooks."""
