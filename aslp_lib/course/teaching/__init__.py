"""What a teacher needs: the plans of TEACHING.md, slides, and the cheat sheet for print."""
