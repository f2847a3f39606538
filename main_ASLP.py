"""The paper's command: train, test and evaluate ASLP consecutively. See `--help`."""

import runpy

runpy.run_module("aslp_lib", run_name=__name__)
