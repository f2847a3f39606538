"""Take the photographs of the explorers again: `make stills`, which runs this by pytest."""

import inspect
import io
from pathlib import Path

import pytest
from explorers import NAMES, explorer_of
from live_pages import element, scripts
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from aslp_lib.course.live import WIDTH
from aslp_lib.files import write

SHARP = {"viewport": {"width": WIDTH, "height": 1000}, "device_scale_factor": 2}


@pytest.mark.parametrize("name", NAMES)
def test_photograph(watched, name):
    kind = explorer_of(name)
    widget = f"{kind.__module__}.{kind.__name__}"
    page = watched(**SHARP, color_scheme="light")
    content = element({"widget": widget}, "") + scripts([widget])
    page.set_content(f"<!doctype html><style>body {{ margin: 0 }}</style>{content}")
    readout = page.locator(".live [role=status]:not(:empty)").inner_text()
    image = Image.open(io.BytesIO(page.locator(".live").screenshot())).convert("RGB")
    description, file = PngInfo(), io.BytesIO()
    description.add_text("Description", readout)
    colours = image.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours.save(file, "PNG", optimize=True, pnginfo=description)
    write(Path(inspect.getfile(kind)).with_suffix(".png"), file.getvalue())
    assert page.wrong == []
