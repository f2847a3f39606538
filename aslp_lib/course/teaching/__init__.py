"""What a teacher needs: slides, and the cheat sheet for print."""
