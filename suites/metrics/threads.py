"""How many threads a metric may use. The number never changes a score, only how soon it is there.

The runner starts one process a worker; each would otherwise take all processors. It sets the variable to its share.
"""

import os

VARIABLE = "KEEPFRAME_METRIC_THREADS"


def threads() -> int:
    """`KEEPFRAME_METRIC_THREADS` where it is a positive number, else the processors this process may run on."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
