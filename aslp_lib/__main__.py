"""The command line: `python -m aslp_lib`, the script `aslp` and `main_ASLP.py`.

Whatever takes long, the imports among it, stands in a function, so that Ctrl-C is understood from
the first moment on.
"""

from __future__ import annotations

import sys

from aslp_lib import console


def main() -> int:
    """Run `aslp_lib.cli.main` as a process; one of several processes ends here."""
    return console.run(_command)


def _command() -> int:
    from aslp_lib import cli
    from aslp_lib.training import launch

    status = cli.main()
    launch.leave(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
