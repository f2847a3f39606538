"""Processes that share one computation, without torchrun and without importing torch again."""

import os
import socket
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch
from accelerate.state import AcceleratorState
from torch import multiprocessing

START = "spawn" if torch.cuda.is_available() else "fork"
"""How processes start. A fork has all modules at once, but cannot use CUDA or, where there is CUDA,
autograd."""


def launch(work, *arguments, count: int = 2, output: Path = Path(os.devnull), join: bool = True):
    """Call `work(*arguments)` in `count` processes, with torchrun's variables if there are several.

    What they print is appended to the file `output`. When they are joined, the error of one process
    ends the others and is raised here.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return multiprocessing.start_processes(
        _begin, (count, port, output, work, arguments), count, join, start_method=START
    )


def _begin(rank: int, count: int, port: int, output: Path, work, arguments) -> None:
    torch.set_num_threads(1)  # a fork does not have the threads of torch
    AcceleratorState._reset_state(reset_partial_state=True)  # that of the single test process
    if count > 1:
        os.environ |= dict.fromkeys(("RANK", "LOCAL_RANK"), str(rank))
        os.environ |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(count))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with output.open("a") as file, redirect_stdout(file), redirect_stderr(file):
        work(*arguments)
    os._exit(0)  # before gloo's threads can abort the process: see `aslp_lib.__main__`
