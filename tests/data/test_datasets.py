"""One contract for every embedded data set."""

import pytest
import torch

from aslp_lib.config import Settings
from aslp_lib.data.datasets import DATASETS


def sets(data):
    return {"train": data.train, "validation": data.validation, **data.tests}


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_is_fixed_by_its_seed_and_its_name(name):
    data, again, other = (sets(DATASETS[name](data_seed=seed)) for seed in (3, 3, 4))
    settings = Settings(
        data=name, size=data["train"][0][0].shape[-1], data_seed=3, seed=5, augment=True
    )
    loaded = sets(settings.load_data())
    assert loaded["train"].seed == 5
    assert [key for key, part in loaded.items() if part.augment] == ["train"]
    for key, part in data.items():
        assert part.name == key and len({*part.stems}) == len(part)
        assert part.images.dtype == part.masks.dtype == torch.uint8
        for same in (again[key], loaded[key]):
            assert same.stems == part.stems
            assert torch.equal(same.images, part.images) and torch.equal(same.masks, part.masks)
    assert data["train"].fingerprints().values() != other["train"].fingerprints().values()
    images = {key: {image.numpy().tobytes() for image in part.images} for key, part in data.items()}
    for key in images.keys() - {"train"}:
        assert not images["train"] & images[key]


@pytest.mark.parametrize("name", DATASETS)
def test_a_limit_keeps_the_first_images(name):
    data, limited = (sets(DATASETS[name](data_seed=3, limit=limit)) for limit in (None, 7))
    for key, part in data.items():
        assert limited[key].stems == part.stems[:7]
        assert torch.equal(limited[key][1][0], part.load(1)[0])
