"""A smaller card, simulated: a second process really holds the rest of this one.

A limit on PyTorch's allocator would not do: it leaves out the CUDA context and every allocator but PyTorch's own. Still
it is a simulation (a small card also has other kernels and less bandwidth), and its figures say so.
Used by `runners/meter_process.py`; as a program it is the process that holds.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.errors import UnavailableError, UsageError

PIECE = 256 << 20
START_S = 120.0


@contextmanager
def holding(device: str, budget_bytes: int) -> Iterator[None]:
    """Inside, only `budget_bytes` of the card are free, what this measurement will take included.

    Raises UsageError for a device that is no GPU, and UnavailableError where the card has not that much free.
    """
    check(device)
    command = [sys.executable, "-P", "-m", "runners.meter_ballast", device, str(budget_bytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            said = process.stdout.readline().strip()
            if said != "holding":
                raise UnavailableError(
                    f"No budget of {budget_bytes / 1e9:g} GB on {device}: {said or 'the ballast process died'}.",
                    "End other processes on the card, or take a smaller budget.",
                )
            yield
        finally:
            process.stdin.close()  # it lets go when nobody listens any more
            process.wait(timeout=START_S)


def check(device: str, budgets_gb: Sequence[float] = ()) -> None:
    """Raises UsageError for a device that is no GPU, and for a budget that is none."""
    if not device.startswith("cuda"):
        raise UsageError(
            f"A budget of GPU memory cannot be simulated on {device}.", "Leave out --budget-gb, or name --device cuda."
        )
    if not all(gb > 0 for gb in budgets_gb):
        raise UsageError(f"A card of {min(budgets_gb):g} GB is none.", "Budgets are in GB, above 0.")


def fill(device: str, budget_bytes: int) -> list[object]:
    """Hold pieces of the card until only the budget is free. Raises UnavailableError where less is free already."""
    import torch

    held: list[object] = []
    free = torch.cuda.mem_get_info(device)[0]
    if free < budget_bytes:
        raise UnavailableError(f"only {free / 1e9:.2f} GB are free", "End other processes on the card.")
    while (spare := torch.cuda.mem_get_info(device)[0] - budget_bytes) > 2 << 20:  # CUDA hands out 2 MB at a time
        held.append(torch.empty(min(spare, PIECE), dtype=torch.uint8, device=device))
    return held


def main() -> None:
    """Hold, say so, and wait for the end of stdin."""
    try:
        held = fill(sys.argv[1], int(sys.argv[2]))
    except UnavailableError as error:
        print(error.what, flush=True)
        return
    print("holding", flush=True)
    sys.stdin.read()
    del held


if __name__ == "__main__":
    main()
