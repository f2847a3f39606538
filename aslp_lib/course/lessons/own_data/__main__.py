"""Record the comparison over five seeds, which takes a minute."""

import json

from aslp_lib.course.lessons.own_data.comparison import RECORDED, compare
from aslp_lib.files import write

if __name__ == "__main__":
    results = compare(range(1, 6), alpha=0.05)
    rows = {label: frame.to_dict("records") for label, frame in results.items()}
    write(RECORDED, json.dumps(rows, indent=1) + "\n")
