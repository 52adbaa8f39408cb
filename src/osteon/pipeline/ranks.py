"""One study on several GPUs: ``torchrun --nproc-per-node 4 -m osteon run study.toml`` (or ``accelerate launch``).

The first process runs the study. The others wait for networks to train and take their share of every batch; they read
files and write none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from osteon.models import unit as units
from osteon.models.unit import Unit

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def several() -> bool:
    """Whether this process was started as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def first(work: Callable[[], Result], threads: int) -> Result | None:
    """Do the work in one process, or in the first of several; the others take part in what is shared.

    Args:
        work: What the first process does.
        threads: CPU threads of each.

    Returns:
        What the work gave; None in the other processes.
    """
    if not several():
        return work()
    if join(threads) > 0:
        follow(run_unit)
        return None
    try:
        return work()
    finally:
        part()


def join(threads: int) -> int:
    """Meet the other processes.

    Args:
        threads: CPU threads of each.

    Returns:
        This process's number; 0 runs the study.
    """
    import torch
    from torch import distributed

    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # The others wait while the first decodes a hospital's pictures: that may take days, not the default minutes.
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(days=7)
    )
    return distributed.get_rank()


def together(function: Callable[[Piece], None], pieces: Sequence[Piece], done: Callable[[Piece], None]) -> None:
    """Call `function` on each piece in all processes at once; `done` in the first alone."""
    from torch import distributed

    for piece in pieces:
        distributed.broadcast_object_list([piece], src=0)
        function(piece)
        done(piece)


def follow(function: Callable[[Piece], None]) -> None:
    """What all processes but the first do: take part in every piece until there are no more."""
    from torch import distributed

    while True:
        received: list[Piece | None] = [None]
        distributed.broadcast_object_list(received, src=0)
        if received[0] is None:
            break
        function(received[0])
    distributed.destroy_process_group()


def run_unit(unit: Unit) -> None:
    """This process's share of a fold; the first one writes."""
    from osteon.models.network import train

    units.run_unit(unit, writes=train.rank_and_world()[0] == 0, meet=train.meet)


def part() -> None:
    """Tell the other processes that there is no more to do."""
    from torch import distributed

    distributed.broadcast_object_list([None], src=0)
    distributed.destroy_process_group()
