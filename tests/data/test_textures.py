import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main
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


@pytest.mark.claim(
    "network",
    "500 textures of DTD without foreground are an out-of-distribution set",
)
def test_images_are_copied_and_masks_are_one_channel_of_zeros(dtd, capsys):
    source, names, target = dtd
    words = ["--dtd", str(source), "--names", str(names), "--target", str(target)]
    assert main(["textures", *words]) == 0
    assert f"2 textures in {target}" in capsys.readouterr().out
    image = target / "Image" / "banded_0007.jpg"
    assert image.read_bytes() == (source / "images/banded/banded_0007.jpg").read_bytes()
    with Image.open(target / "GT" / "banded_0007.png") as mask:
        assert (mask.mode, mask.size) == ("L", (9, 6))
        assert not np.asarray(mask).any()


@pytest.mark.fault
def test_no_half_of_a_set_is_left(dtd):
    source, names, target = dtd
    texture = source / "images/banded/banded_0002.jpg"
    good = texture.read_bytes()
    texture.write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"banded_0002\.jpg cannot be read"):
        prepare_textures(source, names, target)
    assert not list(target.parent.iterdir())
    texture.write_bytes(good)
    prepare_textures(source, names, target)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.fault
def test_what_is_missing_is_named(dtd, tmp_path):
    source, names, target = dtd
    with pytest.raises(FileNotFoundError, match="download DTD"):
        prepare_textures(tmp_path, names, target)
    with pytest.raises(FileNotFoundError, match="no list"):
        prepare_textures(source, tmp_path / "none.txt", target)
    names.write_text("banded_0009.jpg")
    with pytest.raises(ValueError, match=r"textures of .* are not in DTD .*banded_0009"):
        prepare_textures(source, names, target)
    names.write_text("/etc/banded_0007.jpg")  # test_folders.py has other paths
    with pytest.raises(ValueError, match=r"lines of .*names\.txt are not bare file names"):
        prepare_textures(source, names, target)
    assert not target.parent.exists()
    (target / "Image").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="--target exists"):
        prepare_textures(source, names, target)
