"""What is made from the committed notebooks: copies, solutions, assignments."""
