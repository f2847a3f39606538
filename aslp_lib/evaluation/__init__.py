"""Evaluation of predicted maps: counts, scores, tables, figures and reports."""
