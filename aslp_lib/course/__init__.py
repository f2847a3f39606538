"""The course's own code: lessons, figures, exercises, recorded results and publishing tools."""
