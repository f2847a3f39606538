"""The paper's out-of-distribution set: 500 textures of DTD with an all-background ground truth."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from aslp_lib.data.images import read_image
from aslp_lib.data.listing import read_list
from aslp_lib.files import whole_folder


def prepare_textures(dtd: Path, names: Path, target: Path, progress: bool = True) -> int:
    """Copy the listed textures out of DTD and write their single-channel, all-zero masks.

    The target appears only when it is whole: it is built beside itself and renamed.

    Args:
        dtd: the unpacked Describable Textures Dataset (it holds `images/<class>/<name>.jpg`).
        names: one file name a line, as `Dataset/Texture_Image_Names.txt`.
        target: the folder to make, with `Image` and `GT` in it.

    Returns:
        How many textures it holds.

    Raises:
        FileNotFoundError: no DTD there, or textures missing from it; names them.
        FileExistsError: the target is there already.
        ValueError: a list with more than file names; a texture that cannot be read.
    """
    dtd, names, target = Path(dtd), Path(names), Path(target)
    if not (dtd / "images").is_dir():
        raise FileNotFoundError(
            f"there is no folder {dtd / 'images'}: download DTD (see Dataset/README.md), unpack it "
            "and pass its folder"
        )
    if not names.is_file():
        raise FileNotFoundError(f"there is no list {names}: give one file name a line")
    if target.exists():
        raise FileExistsError(f"{target} is there already: remove it to make it anew")
    stems = read_list(names)
    sources = [dtd / "images" / stem.rsplit("_", 1)[0] / f"{stem}.jpg" for stem in stems]
    if missing := [str(path) for path in sources if not path.is_file()]:
        raise FileNotFoundError(f"{len(missing)} textures are not in DTD: {', '.join(missing[:5])}")
    with whole_folder(target) as partial:
        for folder in ("Image", "GT"):
            (partial / folder).mkdir()
        for source in tqdm(sources, desc=target.name, disable=not progress):
            shutil.copyfile(source, partial / "Image" / source.name)
            blank = np.zeros(read_image(source).shape[:2], np.uint8)
            Image.fromarray(blank).save(partial / "GT" / f"{source.stem}.png")
    return len(sources)
