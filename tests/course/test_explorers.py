"""Explorers without a browser: what is committed, and what the book and JupyterLab are sent."""

import base64
import json
import subprocess
import sys
import zlib
from importlib import import_module
from pydoc import locate

import numpy as np
import pytest
from explorers import NAMES, explorer_of
from matplotlib.text import Text

from aslp_lib.course.lessons.confidence.explorer import Bins
from aslp_lib.course.lessons.label_perturbation.explorer import Plane
from aslp_lib.course.live import RecordedExplorer
from aslp_lib.evaluation.figures import alt
from aslp_lib.metrics.counts import Counts


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_a_text_and_a_picture(name):
    widget = explorer_of(name)()
    data, metadata = widget._repr_mimebundle_()
    assert data["image/png"].startswith("iVBORw0KGgo")
    alt = metadata["image/png"]["alt"]
    assert alt and data["text/plain"] == f"Explorer. {alt}"
    assert locate(metadata["live"]["widget"]) is explorer_of(name)  # the book makes it again
    assert set(metadata["live"]) == {"widget"}  # its records would make the notebook large
    assert set(widget.state) == {"records", "values"}
    json.dumps(widget.state, allow_nan=False)
    texts = [one for one in widget.picture().findobj(Text) if one.get_visible() and one.get_text()]
    assert min(one.get_fontsize() for one in texts) >= 9
    assert "export default { render };" in widget._esm and "function plot(" in widget._esm


def test_explorers_of_own_data():
    counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    widget = Bins({"mine": counts})
    assert widget.values["which"] == "mine"
    table = widget.records["mine"]
    assert sum(table["pixels"]) == 4 and sum(table["correct"]) == 3
    assert "mean confidence 90.0 %, accuracy 75.0 %" in widget.text
    assert Plane(np.eye(12, dtype=np.uint8)).records["size"] == 12


RECORDED = [name for name in NAMES if issubclass(explorer_of(name), RecordedExplorer)]


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_explorers_are_current(name):
    """Numbers are compared after unpacking, because versions of zlib compress differently."""
    widget, made = explorer_of(name)(), import_module(f"aslp_lib.course.lessons.{name}_records")
    assert widget.alt == alt(made.picture())
    assert unpacked(widget.state) == unpacked(json.loads(json.dumps(made.state())))


def unpacked(value):
    if isinstance(value, dict) and "packed" in value:
        return [zlib.decompress(base64.b64decode(value["packed"])), value["type"], value["shape"]]
    if isinstance(value, dict):
        return {key: unpacked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    return round(value, 9) if isinstance(value, float) else value  # sums differ between processors


def test_recorded_explorers_need_neither_torch_nor_matplotlib():
    kinds = [explorer_of(name) for name in RECORDED]
    lines = [f"from {kind.__module__} import {kind.__name__} as kind; kind()" for kind in kinds]
    end = "import sys; assert not {'torch', 'matplotlib'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", "\n".join([*lines, end])], check=True)
