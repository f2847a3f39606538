"""The paper's command: train, test and evaluate ASLP consecutively. See `--help`."""

import sys

from aslp_lib.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
