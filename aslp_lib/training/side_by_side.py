"""Training runs at the same time, each in a process of its own with its share of the processors."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch
from tqdm.auto import tqdm

from aslp_lib import console

Result = TypeVar("Result")


def side_by_side(calls: Sequence[Callable[[], Result]], processes: int) -> Iterator[Result]:
    """Yield the results of calls in their order.

    >>> from functools import partial
    >>> list(side_by_side([partial(pow, 2, 3), partial(pow, 3, 2)], processes=2))
    [8, 9]

    Args:
        calls: functions that can be pickled with their arguments, such as a `partial`. Tensors
            among the arguments are shared by all processes.
        processes: number of calls at the same time. With 1, this process makes them.

    Raises:
        RuntimeError: a process was killed. What a call raises is raised here, too.
    """
    if processes == 1:
        yield from (call() for call in calls)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    shared = (threads, context.RLock())
    with ProcessPoolExecutor(processes, context, _begin_process, shared) as pool:
        try:
            for result in [pool.submit(call) for call in calls]:
                yield result.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "a training process was ended from outside, for example because memory ran out; "
                "expected it to finish. Continue with more memory or fewer processes."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_process(threads: int, lock: Any) -> None:
    """Prepare a process for its part of the processors and of the screen; end it with its parent.

    Args:
        threads: number of threads.
        lock: lock for printing progress bars, common to all processes.
    """
    console.prepare()
    torch.set_num_threads(threads)
    tqdm.set_lock(lock)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has ended.

    A killed parent cannot stop its processes: they would finish their training and then wait for
    the next one forever.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
