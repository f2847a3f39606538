"""The command line: `python -m aslp_lib`, the script `aslp` and `main_ASLP.py`.

Everything slow, including imports, is inside functions, so that Ctrl-C is handled from the start.
"""

import sys

from aslp_lib import console


def main() -> int:
    """Run `aslp_lib.cli.main` and return its exit status.

    If several processes run, each of them exits here and does not return.
    """
    return console.run(_command)


def _command() -> int:
    from aslp_lib import cli
    from aslp_lib.training import launch

    status = cli.main()
    launch.leave(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
