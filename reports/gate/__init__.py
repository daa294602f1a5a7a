"""`keepframe check`: is this checkpoint worse than that one? The gate for continuous integration.

Three answers, not two: *regressed* and *pass* both have to be shown, and what is not shown is *inconclusive*. The
statistics are those of `reports.compare`: differences are paired and the unit is the video.
"""
