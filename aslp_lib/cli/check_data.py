"""The command `check-data`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.cli.command import Command
from aslp_lib.data.check import SIZES, check_data
from aslp_lib.maps.classes import class_names
from aslp_lib.maps.read import Grey


@dataclass(frozen=True)
class CheckData(Command):
    """Check a data folder and list all its problems before training.

    Examples:
      aslp check-data Dataset
      aslp check-data DIR --classes 21 --ignore-index 255      masks of PASCAL VOC
    """

    root: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="ROOT")]
    """Data folder with Train/NAME/{Image,GT} and Test/NAME/{Image,GT} (see docs/own_folders.md)."""
    grey: Grey = "refuse"
    """What to do with non-binary masks: refuse them with an error, or threshold them at 128."""
    ignore_index: int | None = None
    """Grey level of masks, or index of a palette, whose pixels are to be ignored."""
    classes: tuple[str, ...] = ()
    """Names or number of the classes of masks of class ids; none for masks of an object."""

    def __call__(self) -> None:
        result = check_data(self.root, self.grey, self.ignore_index, class_names(self.classes))
        width = max(map(len, ["set", *result.images]))
        published = not result.images.keys().isdisjoint(SIZES)
        print(f"{'set':{width}}  images{'  published' if published else ''}")
        for name, images in result.images.items():
            print(f"{name:{width}}  {images:6}  {SIZES.get(name, ''):>9}".rstrip())
        kinds = ("note", result.notes), ("problem", result.problems)
        for line in shortened(f"{kind}: {text}" for kind, texts in kinds for text in texts):
            print(line)
        if result.problems:
            raise ValueError(
                f"{self.root} has problems: {len(result.problems)}; expected none. Correct them."
            )
        print(f"no problems in {self.root}")


def shortened(messages: Iterable[str]) -> Iterator[str]:
    """Yield the first three messages of each kind, and the number of the others.

    Messages of a kind differ only in paths and numbers.

    >>> list(shortened(f"GT/{number}.png is empty" for number in range(60)))[2:]
    ['GT/2.png is empty', '... and 57 more like this']
    """
    kinds = defaultdict(list)
    for message in messages:
        kinds[re.sub(r"\S*[/\\]\S*|\d+", "", message)].append(message)
    for alike in kinds.values():
        yield from alike[:3]
        if more := len(alike[3:]):
            yield f"... and {more} more like this"
