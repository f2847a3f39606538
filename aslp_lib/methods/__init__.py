"""What can be trained: the paper's method, and what it is compared with."""
