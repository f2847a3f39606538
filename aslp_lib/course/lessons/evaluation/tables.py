"""Intervals as text."""


def span(low: float, high: float, form: str = "+z.1f") -> str:
    """Format an interval; a difference with signs.

    >>> span(-1.23, 3.04), span(4.42, 6.7, ".1f")
    ('−1.2 to +3.0', '4.4 to 6.7')
    """
    return f"{low:{form}} to {high:{form}}".replace("-", "−")
