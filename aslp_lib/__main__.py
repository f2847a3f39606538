"""The command line: `python -m aslp_lib`, the script `aslp` and `main_ASLP.py`."""

import sys

from aslp_lib import cli
from aslp_lib.training import launch


def main() -> int:
    """Run `aslp_lib.cli.main` and return its exit status.

    If several processes run, each of them exits here and does not return.
    """
    status = cli.main()
    launch.leave(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
