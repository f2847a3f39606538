import numpy as np
import pytest
from PIL import Image

from aslp_lib.data.textures import prepare_textures


@pytest.fixture
def dtd(tmp_path):
    folder = tmp_path / "dtd" / "images" / "banded"
    folder.mkdir(parents=True)
    for i in (2, 7):
        Image.fromarray(np.full((6, 9, 3), 30 * i, np.uint8)).save(folder / f"banded_{i:04d}.jpg")
    names = tmp_path / "names.txt"
    names.write_text("banded_0007.jpg\nbanded_0002.jpg\n")
    return tmp_path / "dtd", names, tmp_path / "Test" / "DTD_Texture_500"


def test_images_are_copied_and_masks_are_one_channel_of_zeros(dtd):
    source, names, target = dtd
    assert prepare_textures(source, names, target, progress=False) == 2
    image = target / "Image" / "banded_0007.jpg"
    assert image.read_bytes() == (source / "images/banded/banded_0007.jpg").read_bytes()
    with Image.open(target / "GT" / "banded_0007.png") as mask:
        assert mask.mode == "L"
        assert mask.size == (9, 6)
        assert not np.asarray(mask).any()


def test_nothing_is_left_of_a_set_that_cannot_be_made(dtd):
    source, names, target = dtd
    (source / "images/banded/banded_0002.jpg").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"banded_0002\.jpg cannot be read"):
        prepare_textures(source, names, target, progress=False)
    assert not target.exists()


def test_what_is_missing_is_named(dtd, tmp_path):
    source, names, target = dtd
    with pytest.raises(FileNotFoundError, match="download DTD"):
        prepare_textures(tmp_path, names, target)
    with pytest.raises(FileNotFoundError, match="no list"):
        prepare_textures(source, tmp_path / "none.txt", target)
    names.write_text("banded_0009.jpg")
    with pytest.raises(FileNotFoundError, match=r"1 textures are not in DTD: .*banded_0009"):
        prepare_textures(source, names, target)
    target.mkdir(parents=True)
    with pytest.raises(FileExistsError, match="there already"):
        prepare_textures(source, names, target)
