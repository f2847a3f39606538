"""Explorers without a browser: what is committed, and what the book and JupyterLab are sent."""

import json
from pydoc import locate

import numpy as np
import pytest
from explorers import NAMES, explorer_of

from aslp_lib.course.lessons.confidence.explorer import Bins
from aslp_lib.course.lessons.label_perturbation.explorer import Plane
from aslp_lib.metrics.counts import Counts


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_a_text_and_a_photograph(name):
    widget = explorer_of(name)()
    data, metadata = widget._repr_mimebundle_()
    assert data["image/png"].startswith("iVBORw0KGgo")
    alt = metadata["image/png"]["alt"]
    assert alt and data["text/plain"] == f"Explorer. {alt}"
    assert locate(metadata["live"]["widget"]) is explorer_of(name)  # the book makes it again
    assert set(metadata["live"]) == {"widget"}  # its records would make the notebook large
    assert set(widget.state) == {"records", "values"}
    json.dumps(widget.state, allow_nan=False)
    assert "export default { render };" in widget._esm and "function plot(" in widget._esm


def test_explorers_of_own_data_have_no_photograph():
    counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    widget = Bins({"mine": counts})
    assert widget.values["which"] == "mine"
    table = widget.records["mine"]
    assert sum(table["pixels"]) == 4 and sum(table["correct"]) == 3
    assert Plane(np.eye(12, dtype=np.uint8)).records["size"] == 12
    data, metadata = widget._repr_mimebundle_()
    assert "image/png" not in data and "image/png" not in metadata
