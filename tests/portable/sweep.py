"""The numbers that the explorers speak at many settings of their controls, as one JSON line each.

    python tests/portable/sweep.py FILE

Run on several processors, it shows which digits only one of them has.
"""

from __future__ import annotations

import json
import os
import random
import sys
from contextlib import nullcontext
from itertools import product
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from portable import digits

SETTINGS = 150
"""Of each explorer; the feedback loop alone has 2,304."""


def main(path: Path) -> None:
    said: list[tuple[float, str]] = []
    digits.watch(lambda value, spec: said.append((value, spec)))
    # Now, so that the library's own code is watched.
    from aslp_lib.course.explorers import EXPLORERS
    from portable.rounding import RoundsOtherwise

    seed = os.environ.get("ROUNDS_OTHERWISE")
    with RoundsOtherwise(int(seed)) if seed else nullcontext(), path.open("w") as file:
        for explorer in [make() for make in EXPLORERS.values()]:
            grids = explorer.grids()
            settings = list(product(*grids.values()))
            chosen = random.Random(0).sample(settings, min(SETTINGS, len(settings)))
            for values in chosen:
                said.clear()
                explorer.readout(**dict(zip(grids, values, strict=True)))
                file.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
