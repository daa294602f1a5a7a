"""`keepframe study …`: from videos to a ranking by people, one verb a step. Each is imported when it is used."""

from cyclopts import App

VERBS = {
    "new": ("leaderboard.study.making:new", "Make a study from a run's stored answers or a folder for each system."),
    "serve": ("leaderboard.study.running:serve", "Serve the raters' page, on this machine unless told otherwise."),
    "invite": ("leaderboard.study.running:invite", "Print signed links for persons, Prolific, MTurk or anybody."),
    "status": ("leaderboard.study.running:status", "How far the study is: raters, votes, what is left."),
    "verify": ("leaderboard.study.keeping:verify", "Check that no vote, event, pair or clip was changed."),
    "export": ("leaderboard.study.keeping:export", "Write votes and events as Parquet and JSON lines, by pseudonym."),
    "payments": ("leaderboard.study.keeping:payments", "Write whom to pay at Prolific or MTurk: this names people."),
    "exclude": ("leaderboard.study.keeping:exclude", "Leave a rater out of the ranking, or take that back: an event."),
    "erase": ("leaderboard.study.keeping:erase", "Forget who a rater is; the votes stay under the pseudonym."),
    "close": ("leaderboard.study.keeping:close", "End the study: no vote after this."),
    "simulate": ("leaderboard.study.simulating:simulate", "Try a copy of the study with simulated raters."),
    "rank": ("leaderboard.ranking:rank", "Rank the systems: honest intervals, tiers, what would change it; a page."),
}

study = App(name="study", help="Ask people which of two videos they prefer, and rank the systems.")
for _verb, (_target, _help) in VERBS.items():
    study.command(_target, name=_verb, help=_help)
