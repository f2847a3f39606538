"""The command `check-data`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.cli.base import Command
from aslp_lib.data.check import SIZES, check_data
from aslp_lib.data.images import Grey


@dataclass(frozen=True)
class CheckData(Command):
    """Look for all that is wrong with a data folder, before anything is trained."""

    root: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="ROOT")]
    """The paper's folders."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""

    def __call__(self) -> None:
        found = check_data(self.root, self.grey)
        width = max(map(len, found.images))
        print(f"{'set':{width}}  images  authors'")
        for name, images in found.images.items():
            print(f"{name:{width}}  {images:6}  {SIZES.get(name, ''):>8}")
        for note in found.notes:
            print(f"note: {note}")
        for problem in found.problems:
            print(f"problem: {problem}")
        if found.problems:
            raise ValueError(f"{len(found.problems)} problems in {self.root}, listed above")
        print(f"no problems in {self.root}")
