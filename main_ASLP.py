"""The paper's command: train, test and evaluate ASLP consecutively. See `--help`."""

from aslp_lib.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
