"""Markdown with formulas as HTML that needs nothing else: formulas are pictures made by Matplotlib.

What MathJax shows on GitHub and in the book, mathtext draws here, or it is an error.
"""

from __future__ import annotations

import base64
import io
from functools import cache

import mistune
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from mistune.plugins.math import math

POINTS = 12
FONT = FontProperties(math_fontfamily="cm", size=POINTS)


@cache
def formula(tex: str) -> str:
    """An inline picture as large as the text around it; its alt text is the TeX.

    Raises:
        ValueError: Matplotlib's mathtext does not know something in it.
    """
    text = f"${tex}$"
    try:
        width, height, depth, *_ = MathTextParser("path").parse(text, dpi=72, prop=FONT)
    except ValueError as error:
        raise ValueError(f"the formula {text} cannot be drawn: {error}") from error
    figure = Figure(figsize=(width / 72, height / 72))
    figure.text(0, depth / height, text, fontproperties=FONT)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    source = base64.b64encode(drawn.getvalue()).decode()
    size = f"height:{height / POINTS:.2f}em;vertical-align:{-depth / POINTS:.2f}em"
    return (
        f'<img class="formula" style="{size}" alt="{mistune.escape(tex)}" '
        f'src="data:image/svg+xml;base64,{source}">'
    )


class _Renderer(mistune.HTMLRenderer):
    """Its own methods come before those that the plugin registers."""

    def inline_math(self, text: str) -> str:
        return formula(text)

    def block_math(self, text: str) -> str:
        return f'<p class="display">{formula(" ".join(text.split()))}</p>\n'


def to_html(markdown: str) -> str:
    """Raises ValueError for a formula that cannot be drawn."""
    return str(mistune.create_markdown(renderer=_Renderer(), plugins=["table", math])(markdown))
