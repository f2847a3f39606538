"""Leave a random sample of the mutants in a session of Cosmic Ray, drawn with a seed.

python tests/attacks/sample.py SESSION tests/attacks/mutants.toml
"""

import random
import re
import sys
from argparse import ArgumentParser, Namespace

from cosmic_ray.config import load_config
from cosmic_ray.tools.filters.filter_app import FilterApp
from cosmic_ray.work_db import WorkDB


class Sample(FilterApp):
    """A filter of Cosmic Ray with the settings `cosmic-ray.sample` of the configuration."""

    def add_args(self, parser: ArgumentParser) -> None:
        parser.add_argument("config")
        parser.add_argument("--count", type=int, help="instead of the configuration's")

    def filter(self, work_db: WorkDB, args: Namespace) -> None:
        settings = load_config(args.config)["sample"]
        operators = re.compile("|".join(settings["operators"]))
        items = {}
        for item in work_db.work_items:
            (mutation,) = item.mutations
            place = str(mutation.module_path), mutation.operator_name, mutation.occurrence
            if operators.fullmatch(mutation.operator_name):
                items[place] = item
        count = args.count or settings["count"]
        chosen = random.Random(settings["seed"]).sample(sorted(items), count)
        work_db.clear()
        work_db.add_work_items(items[place] for place in chosen)
        print(f"{len(chosen)} of {len(items)} mutants, seed {settings['seed']}")


if __name__ == "__main__":
    sys.exit(Sample().main())
