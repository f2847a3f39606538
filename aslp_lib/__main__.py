"""The command line: `python -m aslp_lib`, the script `aslp` and `main_ASLP.py`."""

import os
import sys

from aslp_lib import cli, console


def main() -> int:
    """Run `aslp_lib.cli.main` and return its exit status.

    If several processes run, each of them exits here and does not return.
    """
    status = cli.main()
    if console.world_size() > 1:
        # After DistributedDataParallel, threads of gloo live on even if the process group has been
        # destroyed. In about one of a hundred runs they abort a process while Python shuts down
        # (PyTorch 2.13; compare its issue 190489), and the launcher then kills the others.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
