"""From predicted maps to counts, scores, tables, figures and reports."""
