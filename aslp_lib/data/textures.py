"""The paper's out-of-distribution set: 500 textures of DTD, with masks that are all background."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from aslp_lib.files import check_new_folder, require_exists, whole_folder
from aslp_lib.maps.listing import read_list, refuse
from aslp_lib.maps.read import read_image


def prepare_textures(dtd: Path, names: Path, target: Path) -> int:
    """Copy the listed textures from DTD and write their all-zero masks.

    The target folder appears only when it is complete.

    Args:
        dtd: folder of the unpacked Describable Textures Dataset, with `images/CLASS/NAME.jpg`.
        names: list of file names, one per line, such as `Dataset/Texture_Image_Names.txt`.
        target: folder to create, with the subfolders `Image` and `GT`.

    Returns:
        The number of textures.

    Raises:
        FileNotFoundError: DTD or the list is missing.
        FileExistsError: the target exists and is not an empty folder.
        ValueError: the list holds something other than file names, DTD lacks listed textures, or
            one of them cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = Path(folder)
    ...     (root / "images" / "dotted").mkdir(parents=True)
    ...     Image.new("RGB", (8, 6)).save(root / "images" / "dotted" / "dotted_0001.jpg")
    ...     _ = (root / "names.txt").write_text("dotted_0001.jpg")
    ...     count = prepare_textures(root, root / "names.txt", root / "out")
    ...     count, [path.name for path in (root / "out" / "GT").iterdir()]
    (1, ['dotted_0001.png'])
    """
    remedy = "To get it, download DTD (see Dataset/README.md)."
    require_exists("folder", dtd / "images", f"that of the unpacked DTD. {remedy}")
    require_exists("list", names, "one file name per line. Check the path.")
    check_new_folder("--target", target)
    stems = read_list(names)
    sources = [dtd / "images" / stem.rsplit("_", 1)[0] / f"{stem}.jpg" for stem in stems]
    missing = {str(path) for path in sources if not path.is_file()}
    refuse(f"textures of {names} are not in DTD (unpack it again)", missing)
    with whole_folder(target) as partial:
        for folder in ("Image", "GT"):
            (partial / folder).mkdir()
        for source in tqdm(sources, desc=target.name):
            shutil.copyfile(source, partial / "Image" / source.name)
            blank = np.zeros(read_image(source).shape[:2], np.uint8)
            Image.fromarray(blank).save(partial / "GT" / f"{source.stem}.png")
    return len(sources)
