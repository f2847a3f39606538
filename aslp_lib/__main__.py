"""`python -m aslp_lib`: the command line."""

from aslp_lib.cli import main

raise SystemExit(main())
