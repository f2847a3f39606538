"""A process of a launched run: `main_ASLP.py` in float64, in which both compute the same.

    torchrun --nproc-per-node 2 tests/training/one_of_several.py [arguments of main_ASLP.py]

GroupNorm replaces BatchNorm, whose statistics on a CPU are those of a process's share of the batch.
Intervals come from 20 resamples, and the pictures of the report are empty. With STUCK_AFTER in the
environment, the run stops for good after so many checkpoints, to be killed; the folder STUCK_IN
then holds the file `stuck`, and the number of each process.
"""

import os
import sys
import time
from pathlib import Path

import torch
from torch import nn

from aslp_lib import networks
from aslp_lib.__main__ import main
from aslp_lib.metrics.bootstrap import Resamples
from aslp_lib.training import checkpoints


def without_batch_statistics(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(4, child.num_features))
        else:
            without_batch_statistics(child)
    return module


def stop_after(checkpoint: int, folder: Path) -> None:
    (folder / f"{os.environ['RANK']}.pid").write_text(str(os.getpid()))
    saved, save = [], checkpoints.save

    def save_and_wait(*arguments):
        save(*arguments)
        saved.append(1)
        if len(saved) == checkpoint:
            (folder / "stuck").touch()
            time.sleep(600)

    checkpoints.save = save_and_wait


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    build = networks.build
    networks.build = lambda *arguments: without_batch_statistics(build(*arguments))
    if os.environ.get("RANK", "0") == "0":  # the process that evaluates
        # Intervals and pictures have tests of their own, and would take longer than all the rest.
        from aslp_lib.evaluation import figures

        Resamples.__init__.__defaults__ = (20, 0)
        figures.to_png = lambda *_: b""
    if "STUCK_AFTER" in os.environ:
        stop_after(int(os.environ["STUCK_AFTER"]), Path(os.environ["STUCK_IN"]))
    sys.exit(main())
