"""A process of a launched run: the command line, then what this process holds, for its test.

    torchrun --nproc-per-node 2 tests/training/one_of_several.py FOLDER [arguments of main_ASLP.py]

With STUCK_AFTER in the environment, it stops for good after so many checkpoints, to be killed.
GroupNorm replaces BatchNorm, whose statistics on a CPU are of a process's share of the batch, and
float64 replaces float32, in which Adam makes a visible difference of the order of a sum.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from aslp_lib import cli, networks
from aslp_lib.cli import run
from aslp_lib.training import checkpoints, launch
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate


def without_batch_statistics(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(4, child.num_features))
        else:
            without_batch_statistics(child)
    return module


def train_and_keep(settings, data, method, folder):
    trained = train(settings, data, method, folder)
    np.savez(
        kept / f"{method}{os.environ.get('RANK', '0')}.npz",
        counts=validate(trained.network, data.validation, settings).table,
        alpha=trained.method.per_image().get("alpha", torch.zeros(0)).numpy(),
        **{name: value.detach().numpy() for name, value in trained.network.named_parameters()},
    )
    return trained


def save_and_wait(*arguments):
    save(*arguments)
    saved.append(1)
    if len(saved) == int(os.environ["STUCK_AFTER"]):
        (kept / "stuck").touch()
        time.sleep(600)


if __name__ == "__main__":
    kept = Path(sys.argv[1])
    kept.mkdir(exist_ok=True)
    (kept / f"{os.environ.get('RANK', '0')}.pid").write_text(str(os.getpid()))
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    build = networks.build
    networks.build = lambda *arguments: without_batch_statistics(build(*arguments))
    run.train = train_and_keep
    if "STUCK_AFTER" in os.environ:
        saved, save, checkpoints.save = [], checkpoints.save, save_and_wait
    status = cli.main(sys.argv[2:])
    launch.leave(status)
    sys.exit(status)
