"""`keepframe study …`: from videos to a ranking by people, one verb a step. Each is imported when it is used."""

from cyclopts import App

VERBS = {
    "new": ("leaderboard.study.making:new", "Make a study from a run's stored answers or a folder for each system."),
    "serve": ("leaderboard.study.running:serve", "Serve the raters' page, on this machine unless told otherwise."),
    "invite": ("leaderboard.study.running:invite", "Print signed links for persons, Prolific, MTurk or anybody."),
    "status": ("leaderboard.study.running:status", "How far the study is: raters, votes, what is left."),
    "rank": ("leaderboard.ranking:rank", "Rank the systems: honest intervals, tiers, what would change it; a page."),
}

study = App(name="study", help="Ask people which of two videos they prefer, and rank the systems.")
for _verb, (_target, _help) in VERBS.items():
    study.command(_target, name=_verb, help=_help)
