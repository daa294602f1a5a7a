"""Which system do people prefer? Rankings from votes with honest intervals, and the plan of a study that earns them.

Pure statistics on NumPy arrays: no page, no ledger, no model weights. `gather` votes, `count` them, `fit` a model,
put `contrasts` around it, and read `standings`. SciPy is loaded by the first call that needs it.
"""

from suites.preference.fit import Fit, fit
from suites.preference.intervals import Contrasts, contrasts
from suites.preference.models import MODELS, TieModel
from suites.preference.tiers import Standing, standings
from suites.preference.votes import Outcome, Vote, Votes, count, gather

__all__ = [
    "MODELS",
    "Contrasts",
    "Fit",
    "Outcome",
    "Standing",
    "TieModel",
    "Vote",
    "Votes",
    "contrasts",
    "count",
    "fit",
    "gather",
    "standings",
]
