"""The lessons of the course: a folder each, with its exercises, figures and explorer."""
