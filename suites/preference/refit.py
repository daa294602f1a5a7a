"""Many fits at once: the same model on a thousand tables of counts, for resampling and for leaving somebody out.

One fit takes milliseconds, most of it Python. A thousand tables in one batch of Newton steps, started at the estimate
from all votes, take a tenth of a second. Where the steps come to rest, the maximum is found (the likelihood is concave,
and without a finite maximum they never rest); the other tables are fitted alone, by `fit`, with all its checks: speed
never decides what is printed.
"""

import numpy as np
from jaxtyping import Bool, Float64

from suites.preference.connect import used_counts
from suites.preference.fit import Fit, estimated, fit, likelihood, slopes

_AT_ONCE = 1 << 17  # cells of one batch: what the processor's caches hold
_STEPS = 15  # four or five do; more would only follow tables without a maximum further out
_CONVERGED = 1e-9  # logits; the steps converge quadratically, so the error left is far smaller


def refit(tables: Float64[np.ndarray, "table system system 3"], start: Fit) -> Float64[np.ndarray, "table system"]:
    """The strengths (logits, mean 0) that `start`'s model finds on each table; NaN where no vote has a winner.

    A table whose votes have no finite maximum gets the weak prior of `fit`.

    >>> counts = np.zeros((2, 2, 3))
    >>> counts[0, 1], counts[1, 0] = [30, 10, 0], [10, 30, 0]
    >>> refit(np.stack([counts, counts[:, ::-1, [1, 0, 2]][::-1]]), fit(counts)).round(4).tolist()
    [[0.5493, -0.5493], [0.5493, -0.5493]]
    """
    found = np.full(tables.shape[:2], np.nan)
    alone = ~_regular(used_counts(tables, start.model), start)
    size = max(1, _AT_ONCE // (tables.shape[1] * tables.shape[2]))
    places = np.flatnonzero(~alone)
    for at in range(0, len(places), size):
        batch = places[at : at + size]
        found[batch], rests = _newton(used_counts(tables[batch], start.model), start)
        alone[batch[~rests]] = True
    known: dict[bytes, np.ndarray] = {}  # few raters make few panels, each drawn again and again
    for place in np.flatnonzero(alone):
        table = tables[place]
        key = table.tobytes()
        if key not in known:
            ranked = used_counts(table, start.model)[..., :2].any()
            nothing = np.full(tables.shape[1], np.nan)
            known[key] = fit(table, start.model, start.side is not None).strengths if ranked else nothing
        found[place] = known[key]
    return found


def _regular(used: Float64[np.ndarray, "table system system 3"], start: Fit) -> Bool[np.ndarray, " table"]:
    """Where all of `start`'s parameters can be told apart, so that Newton's equations have an answer."""
    systems = used.shape[1]
    met = used.sum(axis=-1) > 0
    reach = (met | np.swapaxes(met, 1, 2) | np.eye(systems, dtype=bool)).astype(np.float32)
    for _ in range(int(np.ceil(np.log2(max(systems, 2))))):
        reach = np.minimum(reach @ reach, 1.0)
    regular = reach.all(axis=(1, 2))
    if start.side is not None:
        regular &= (met & np.swapaxes(met, 1, 2)).any(axis=(1, 2))
    if start.log_tie is not None:
        regular &= used[..., 2].any(axis=(1, 2)) & used[..., :2].any(axis=(1, 2, 3))
    return np.asarray(regular & start.connection.sound)


def _newton(
    used: Float64[np.ndarray, "table system system 3"], start: Fit
) -> tuple[Float64[np.ndarray, "table system"], Bool[np.ndarray, " table"]]:
    systems = used.shape[1]
    keep = estimated(systems, start.side is not None, start.log_tie is not None)
    gauge = np.zeros((len(keep), len(keep)))
    gauge[:systems, :systems] = used.sum() / len(used) / systems**2
    at = np.zeros((len(used), systems + 2))
    at[:, :systems], at[:, systems], at[:, -1] = start.strengths, start.side or 0.0, start.log_tie or 0.0
    curve = likelihood(start.model, start.log_tie)
    moved = np.full(len(used), np.inf)
    for _ in range(_STEPS):
        active = np.flatnonzero(moved > _CONVERGED)
        if not len(active):
            break
        here = at[active]
        d = here[:, :systems, None] - here[:, None, :systems] + here[:, systems, None, None]
        found = slopes(used[active], curve, d, here[:, -1, None, None])
        information = found.information[:, keep[:, None], keep] + gauge
        step = np.linalg.solve(information, found.gradient[:, keep, None])[..., 0]
        step = np.clip(np.nan_to_num(step), -2.0, 2.0)  # far from the maximum a whole step may jump over it
        at[active[:, None], keep] += step
        moved[active] = np.abs(step).max(axis=1)
    strengths = at[:, :systems] - at[:, :systems].mean(axis=1, keepdims=True)
    return strengths, moved <= _CONVERGED
