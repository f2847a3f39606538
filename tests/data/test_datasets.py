import pytest
import torch

from aslp_lib.data import datasets
from aslp_lib.data.folders import paper_layout
from aslp_lib.data.shapes import embedded


def test_a_name_is_made_from_its_seed():
    loaded = datasets.load("embedded", 24, seed=3, data_seed=2, limit=4)
    made = embedded(24, seed=3, data_seed=2, limit=4)
    assert loaded.origin == made.origin
    assert torch.equal(loaded.train.images, made.train.images)
    assert loaded.train.seed == 3
    assert {name: len(part) for name, part in loaded.tests.items()} == dict.fromkeys(made.tests, 4)


def test_anything_else_is_a_folder_in_the_paper_s_layout(paper_root):
    loaded = datasets.load(str(paper_root), 32, limit=4, grey="threshold")
    found = paper_layout(paper_root, 32, limit=4, grey="threshold")
    assert loaded.origin == found.origin
    assert loaded.train.stems == found.train.stems
    assert loaded.tests["SOD"].grey == "threshold"


def test_a_line_of_the_registry_is_enough(monkeypatch):
    def few(size, **keywords):
        return embedded(size, **{**keywords, "limit": 2})

    monkeypatch.setitem(datasets.DATASETS, "few", few)
    assert len(datasets.load("few", 16).train) == 2


def test_no_name_and_no_folder():
    with pytest.raises(FileNotFoundError, match="there is no folder embeded"):
        datasets.load("embeded", 32)
