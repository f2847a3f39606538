"""The course's own code: figures, explorers, exercises, recorded results and publishing tools."""
