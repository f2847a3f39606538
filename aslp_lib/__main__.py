"""The command line: `python -m aslp_lib`, the script `aslp` and `main_ASLP.py`.

Whatever takes long, the imports among it, stands in `main`, so that Ctrl-C is understood from the
first moment on.
"""

from __future__ import annotations

import sys


def main() -> int:
    """`aslp_lib.cli.main`, and what Ctrl-C says while it is imported; one of several processes ends
    here."""
    try:
        from aslp_lib import cli
        from aslp_lib.training import launch

        status = cli.main()
        launch.leave(status)
        return status
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
