"""Pictures that change at every press of a key: rectangles over a background drawn once.

Drawn by Pillow in a palette of 54 colours, in a few milliseconds, where a matplotlib figure takes
tens of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from aslp_lib.evaluation.figures.style import BLUE, GREEN, GREY, ORANGE, PINK
from aslp_lib.metrics.calibration import Reliability

LETTERS = 18
"""Height of letters, in pixels."""
GREYS = 48
LIGHT_BLUE = "#99C7E0"
"""For areas."""
COLOURS = (BLUE, ORANGE, GREEN, PINK, GREY, LIGHT_BLUE)
"""Beside the greys."""
_PALETTE = [
    *np.repeat(np.linspace(0, 255, GREYS).round().astype(int), 3).tolist(),
    *(part for colour in COLOURS for part in ImageColor.getrgb(colour)),
]
BLACK, LIGHT_GREY, WHITE = 0, 34, GREYS - 1


@dataclass(frozen=True)
class Drawing:
    """A picture in the palette, and what it shows in words."""

    image: Image.Image
    alt: str

    @property
    def png(self) -> bytes:
        """With the words in the file's metadata."""
        words, buffer = PngInfo(), io.BytesIO()
        words.add_text("Description", self.alt)
        self.image.save(buffer, "PNG", pnginfo=words, compress_level=3)
        return buffer.getvalue()


def index(colour: str | int) -> int:
    """The palette's entry of one of `COLOURS`, or of a grey that is one already."""
    return colour if isinstance(colour, int) else GREYS + COLOURS.index(colour)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's own, which is on every machine."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def in_palette(picture: Image.Image) -> Image.Image:
    """An RGB picture in the palette's nearest colours."""
    rgb = np.asarray(picture).astype(int)
    entries = np.rint((GREYS - 1) / 255 * rgb.mean(axis=-1)).astype(np.uint8)
    coloured = np.ptp(rgb, axis=-1) > 16
    distance = ((rgb[coloured][:, None] - np.array(_PALETTE).reshape(-1, 3)) ** 2).sum(axis=-1)
    entries[coloured] = distance.argmin(axis=-1)
    done = Image.fromarray(entries)
    done.putpalette(_PALETTE)
    return done


def grey_map(probability: np.ndarray, scale: int, lit: np.ndarray | None = None) -> Image.Image:
    """A map of values in [0, 1], black to white, each pixel a square.

    Args:
        probability: (H, W).
        lit: (H, W) bool: pixels shown in orange instead.
    """
    values = np.rint((GREYS - 1) * probability).astype(np.uint8)
    if lit is not None:
        values[lit] = index(ORANGE)
    large = values.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(large)  # 8 bits: pasted into a palette's picture they are its entries


def lettering(text: str, size: int) -> Image.Image:
    """Black letters with soft edges, as high as a line, to be pasted into a palette's picture."""
    letters = font(size)
    ascent, descent = letters.getmetrics()
    line = Image.new("L", (round(letters.getlength(text)) + 1, ascent + descent), "white")
    ImageDraw.Draw(line).text((0, 0), text, "black", letters)
    return Image.fromarray(np.rint((GREYS - 1) / 255 * np.asarray(line)).astype(np.uint8))


@dataclass(frozen=True)
class Plot:
    """Axes in a picture: `box` is left, top, right and bottom in pixels.

    Args:
        x, y: position of a tick -> what stands there; the outermost are the limits.
    """

    box: tuple[int, int, int, int]
    x: Mapping[float, str]
    y: Mapping[float, str]
    title: str = ""
    size: int = LETTERS

    def across(self, value: float) -> int:
        """Where a value lies."""
        return _between(value, list(self.x), self.box[0], self.box[2])

    def up(self, value: float) -> int:
        """Where a value lies."""
        return _between(value, list(self.y), self.box[3], self.box[1])

    def frame(self, draw: ImageDraw.ImageDraw) -> None:
        """The parts that never change, on an RGB picture."""
        left, top, _, bottom = self.box
        draw.rectangle(self.box, outline="black")
        letters = font(self.size)
        for value, text in self.x.items():
            place = self.across(value)
            draw.line((place, bottom, place, bottom + 5), fill="black")
            draw.text((place, bottom + 7), text, "black", letters, anchor="ma")
        for value, text in self.y.items():
            place = self.up(value)
            draw.line((left - 5, place, left, place), fill="black")
            draw.text((left - 8, place), text, "black", letters, anchor="rm")
        draw.text((left, top - 6), self.title, "black", letters, anchor="ls")

    def bar(
        self, draw: ImageDraw.ImageDraw, low: float, high: float, height: float, colour: str
    ) -> None:
        """From the axis up to `height`, on a picture in the palette."""
        top, bottom = self.up(height), self.box[3] - 1
        if top <= bottom:
            box = (self.across(low) + 1, top, self.across(high) - 1, bottom)
            draw.rectangle(box, fill=index(colour))

    def line(
        self,
        draw: ImageDraw.ImageDraw,
        x: Sequence[float] | np.ndarray,
        y: Sequence[float] | np.ndarray,
        colour: str | int,
        width: int = 3,
    ) -> None:
        """Through points, on a picture in the palette."""
        points = [(self.across(a), self.up(b)) for a, b in zip(x, y, strict=True)]
        draw.line(points, fill=index(colour), width=width)

    def area(
        self,
        draw: ImageDraw.ImageDraw,
        x: Sequence[float] | np.ndarray,
        low: Sequence[float] | np.ndarray,
        high: Sequence[float] | np.ndarray,
        colour: str,
    ) -> None:
        """Between two curves, whichever is above."""
        there = [(self.across(a), self.up(b)) for a, b in zip(x, low, strict=True)]
        back = [(self.across(a), self.up(b)) for a, b in zip(x, high, strict=True)]
        draw.polygon(there + back[::-1], index(colour))

    def triangle(self, draw: ImageDraw.ImageDraw, x: float, colour: str) -> None:
        """A mark on top of the axes, its point at x."""
        place, top = self.across(x), self.box[1]
        corners = [(place, top + 2), (place - 9, top - 14), (place + 9, top - 14)]
        draw.polygon(corners, index(colour))


def reliability_diagram(
    draw: ImageDraw.ImageDraw, plot: Plot, table: Reliability, lit: int = 0
) -> None:
    """Bars of the bins' accuracy over the diagonal, their gaps to the confidence, and their shares.

    Args:
        table: of ten bins.
        lit: lower end, in percent, of a bin in another colour; 0 for none.
    """
    for low, share, right in zip(table.edges[:-1], table.share, table.accuracy, strict=True):
        if share > 0:
            chosen = lit and round(100 * low) == lit
            plot.bar(draw, low, low + 0.1, right, ORANGE if chosen else LIGHT_BLUE)
            plot.bar(draw, low + 0.04, low + 0.06, share, GREY)
    if lit:  # under the axis too, as the bin may be empty
        left, right = plot.across(lit / 100), plot.across((lit + 10) / 100)
        draw.line((left, plot.box[3] + 3, right, plot.box[3] + 3), index(ORANGE), 5)
    plot.line(draw, (0.5, 1), (0.5, 1), BLACK, 2)
    full = table.pixels > 0
    for sure, right in zip(table.confidence[full], table.accuracy[full], strict=True):
        plot.line(draw, (sure, sure), (sure, right), BLUE, 5)


def _between(value: float, ticks: list[float], start: int, end: int) -> int:
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(start + min(max(share, 0), 1) * (end - start))
