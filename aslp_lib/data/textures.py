"""The paper's out-of-distribution set: 500 textures of DTD, with masks that are all background."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from aslp_lib.files import require_exists, whole_folder
from aslp_lib.maps.listing import read_list
from aslp_lib.maps.read import read_image


def prepare_textures(dtd: Path, names: Path, target: Path, progress: bool = True) -> int:
    """Copy the listed textures from DTD and write their all-zero masks.

    The target folder appears only when it is complete.

    Args:
        dtd: folder of the unpacked Describable Textures Dataset, with `images/CLASS/NAME.jpg`.
        names: list of file names, one per line, such as `Dataset/Texture_Image_Names.txt`.
        target: folder to create, with the subfolders `Image` and `GT`.

    Returns:
        The number of textures.

    Raises:
        FileNotFoundError: DTD or the list is missing, or DTD lacks listed textures.
        FileExistsError: the target already exists.
        ValueError: the list holds something other than file names, or a texture cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = Path(folder)
    ...     (root / "images" / "dotted").mkdir(parents=True)
    ...     Image.new("RGB", (8, 6)).save(root / "images" / "dotted" / "dotted_0001.jpg")
    ...     _ = (root / "names.txt").write_text("dotted_0001.jpg")
    ...     count = prepare_textures(root, root / "names.txt", root / "out", progress=False)
    ...     count, [path.name for path in (root / "out" / "GT").iterdir()]
    (1, ['dotted_0001.png'])
    """
    remedy = "To get it, download DTD (see Dataset/README.md)."
    require_exists("folder", dtd / "images", f"that of the unpacked DTD. {remedy}")
    require_exists("list", names, "one file name per line. Check the path.")
    if target.exists():
        raise FileExistsError(f"{target} already exists; expected a new folder. Remove it first.")
    stems = read_list(names)
    sources = [dtd / "images" / stem.rsplit("_", 1)[0] / f"{stem}.jpg" for stem in stems]
    if missing := [str(path) for path in sources if not path.is_file()]:
        raise FileNotFoundError(
            f"{len(missing)} textures are not in DTD: {', '.join(missing[:5])}; expected all that "
            f"{names} lists. Unpack DTD again."
        )
    with whole_folder(target) as partial:
        for folder in ("Image", "GT"):
            (partial / folder).mkdir()
        for source in tqdm(sources, desc=target.name, disable=not progress):
            shutil.copyfile(source, partial / "Image" / source.name)
            blank = np.zeros(read_image(source).shape[:2], np.uint8)
            Image.fromarray(blank).save(partial / "GT" / f"{source.stem}.png")
    return len(sources)
