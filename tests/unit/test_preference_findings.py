"""The whole ranking in one call: what counts, what is refused, what is said beside it."""

from dataclasses import replace

import numpy as np
import pytest
from unit.preference_studies import study

from bench.errors import UsageError
from suites.preference.findings import Findings, Reading, Scored, findings
from suites.preference.fit import fit
from suites.preference.intervals import contrasts
from suites.preference.models import MODELS
from suites.preference.ranking import rank
from suites.preference.record import Record, record
from suites.preference.votes import Outcome, Vote, Votes, count, gather
from suites.preference.votes_file import read_votes, write_votes

STRENGTHS = np.array([0.1, 0.8, -0.9])


@pytest.fixture(scope="module")
def votes() -> Votes:
    return study(np.random.default_rng(0), 30, 20, 40, STRENGTHS, taste=0.3)


@pytest.fixture(scope="module")
def told(votes: Votes) -> Findings:
    return findings(record("study", votes))


def test_places_are_the_fit_in_points_with_its_intervals(votes: Votes, told: Findings) -> None:
    fitted = fit(count(votes))
    found = contrasts(votes, fitted)
    assert [place.system for place in told.overall.places] == ["system1", "system0", "system2"]
    best = told.overall.places[0]
    points = 400 / np.log(10)
    assert best.elo == pytest.approx(1000 + points * fitted.strengths[1])
    assert best.interval is not None
    assert best.interval.high - best.interval.low == pytest.approx(2 * points * found.from_mean_half_width[1])
    assert best.beats == ("system0", "system2") and best.tier == 1 and best.ranks == (1, 1)
    assert best.first_share is not None and best.first_share > 0.99
    pair = told.overall.pair("system2", "system1")
    assert pair.first == "system1" and pair.elo == pytest.approx(points * found.difference[1, 2])
    assert pair.wins + pair.losses + pair.ties == sum(
        {a, b} == {1, 2} for a, b in zip(votes.left, votes.right, strict=True)
    )


def test_an_anchor_moves_the_numbers_and_changes_no_claim(votes: Votes, told: Findings) -> None:
    anchored = findings(record("study", votes), Reading(anchor="system2")).overall
    last = anchored.places[-1]
    assert last.elo == 1000 and last.interval is None
    for plain, moved in zip(told.overall.places, anchored.places, strict=True):
        assert (plain.tier, plain.ranks, plain.beats) == (moved.tier, moved.ranks, moved.beats)
        gap = told.overall.places[-1].elo
        assert plain.elo is not None and moved.elo is not None and gap is not None
        assert moved.elo - plain.elo == pytest.approx(1000 - gap)
    first = anchored.places[0]
    assert first.interval is not None and first.interval.low == pytest.approx(
        1000 + anchored.pair("system1", "system2").interval.low  # type: ignore[union-attr]
    )


def test_simulated_votes_are_refused_unless_asked_for(votes: Votes) -> None:
    played = replace(record("dry run", votes), simulated=True)
    with pytest.raises(UsageError, match="simulated raters"):
        findings(played)
    assert findings(played, Reading(simulated=True)).simulated


def test_excluded_raters_do_not_count_and_are_shown(votes: Votes) -> None:
    out = {"rater3": "gold: 1 of 4 right"}
    told = findings(replace(record("study", votes), excluded=out))
    alone = fit(count(votes.where(votes.rater != 3)))
    assert told.overall.places[0].elo == pytest.approx(1000 + 400 / np.log(10) * alone.strengths.max())
    assert told.overall.raters == 29 and told.raters == 30
    assert [(one.name, one.excluded) for one in told.flagged] == [("rater3", "gold: 1 of 4 right")]
    (other,) = told.sensitivity.raters
    everybody = fit(count(votes)).strengths
    assert other.how == "with the excluded raters"
    assert dict(other.elo)["system1"] == pytest.approx(1000 + 400 / np.log(10) * everybody[1])


def test_flagged_raters_are_proposed_and_still_count(votes: Votes) -> None:
    spam = gather(
        (Vote(*pair, "left", "spam", f"prompt{at}") for at in range(10) for pair in (["system0", "system2"],) * 2),
        votes.systems,
    )
    joined = Votes(
        *(
            np.concatenate([getattr(votes, name), getattr(spam, name) + shift])
            for name, shift in (("left", 0), ("right", 0), ("outcome", 0), ("rater", 30), ("prompt", 0))
        ),
        criterion=np.zeros(len(votes) + len(spam), dtype=np.int64),
        systems=votes.systems,
        raters=(*votes.raters, "spam"),
        prompts=votes.prompts,
    )
    told = findings(record("study", joined))
    assert [one.name for one in told.flagged] == ["spam"] and told.overall.raters == 31
    assert [other.how for other in told.sensitivity.raters] == ["without the flagged raters"]


def test_one_ranking_for_each_criterion(votes: Votes) -> None:
    motion = replace(votes, outcome=np.where(votes.outcome < 2, 1 - votes.outcome, votes.outcome))
    both = Votes(
        *(
            np.concatenate([getattr(votes, name), getattr(motion, name)])
            for name in ("left", "right", "outcome", "rater", "prompt")
        ),
        criterion=np.repeat([1, 0], len(votes)),
        systems=votes.systems,
        raters=votes.raters,
        prompts=votes.prompts,
        criteria=("motion", "overall", "text"),
    )
    told = findings(record("study", both))
    assert [ranking.criterion for ranking in told.rankings] == ["overall", "motion"]
    assert [place.system for place in told.rankings[1].places] == ["system2", "system0", "system1"]


def test_the_panel_names_who_turns_it(votes: Votes, told: Findings) -> None:
    panel = told.sensitivity
    assert [other.how for other in panel.models] == list(MODELS)
    halved = dict(panel.models[1].elo)
    assert halved["system1"] < dict(panel.models[0].elo)["system1"]  # half ties squeeze the scale
    assert panel.rater is not None and panel.prompt is not None and panel.flip is not None
    index = votes.raters.index(panel.rater.name)
    gone = fit(count(votes.where(votes.rater != index))).strengths - fit(count(votes)).strengths
    assert panel.rater.shift == pytest.approx(400 / np.log(10) * np.abs(gone).max())
    assert (panel.rater.other_first, panel.rater.of, panel.prompt.of) == (0, 30, 20)


def test_votes_that_cannot_be_ranked_say_why() -> None:
    ties = gather([Vote("a", "b", "tie", "r", "p")])
    with pytest.raises(UsageError, match="no vote has a winner"):
        findings(record("early", ties))
    with pytest.raises(UsageError, match="Did you mean 'davidson'"):
        findings(record("early", ties), Reading(model="davison"))
    with pytest.raises(UsageError, match="anchor 'c'"):
        findings(record("early", ties), Reading(anchor="c"))


def test_islands_and_undefeated_systems_are_flagged() -> None:
    rows = [Vote(*pair, o, f"r{r}", f"p{r % 3}") for pair in ("ab", "ba") for o in ("left", "right") for r in range(6)]
    islands = rank(gather([*rows, *(Vote("c", "d", "left", f"r{r}", f"p{r % 3}") for r in range(6))]))
    assert all(place.elo is None for place in islands.places) and any("join these" in w for w in islands.warnings)
    assert islands.pair("a", "c").elo is None and islands.pair("a", "b").elo == pytest.approx(0.0, abs=1e-6)
    top = rank(gather([*rows, *(Vote("z", "a", "left", f"r{r}", f"p{r % 3}") for r in range(6))]))
    assert top.places[0].system == "z" and top.places[0].unbounded == "above" and top.places[0].first_share is None
    assert any("no limit above for z" in warning for warning in top.warnings)


def test_weights_are_used_where_pairs_were_drawn_actively(votes: Votes) -> None:
    known = np.where(votes.left == 1, 0.3, 0.1)
    told = findings(replace(record("active", votes), propensity=known))
    by_hand = fit(count(replace(votes, weight=1 / (6 * known))))
    assert told.weighted
    assert told.overall.places[0].elo == pytest.approx(1000 + 400 / np.log(10) * by_hand.strengths.max())
    assert told.overall.pairs[0].wins == findings(record("even", votes)).overall.pair("system0", "system1").wins


def test_the_outlook_is_about_what_a_study_twice_as_large_finds(votes: Votes, told: Findings) -> None:
    outlook = told.outlook
    assert outlook is not None
    assert outlook.now > outlook.votes_twice > outlook.raters_twice > outlook.raters_and_prompts_twice
    assert outlook.now == pytest.approx(
        np.mean([(p.interval.high - p.interval.low) / 2 for p in told.overall.pairs]), rel=0.15
    )
    larger = study(np.random.default_rng(9), 60, 40, 40, STRENGTHS, taste=0.3)
    found = findings(record("larger", larger)).overall.pairs
    halves = [(pair.interval.high - pair.interval.low) / 2 for pair in found if pair.interval]
    assert outlook.raters_and_prompts_twice == pytest.approx(np.mean(halves), rel=0.3)


def test_metrics_are_asked_whether_they_agree(votes: Votes) -> None:
    strengths = np.repeat(STRENGTHS[:, None], 20, axis=1)
    told = findings(record("study", votes), scores={"psnr": Scored(strengths, True), "lpips": Scored(strengths, False)})
    found = dict(told.metrics)
    assert found["psnr"].kendall == pytest.approx(1.0) and found["lpips"].kendall == pytest.approx(-1.0)


def test_a_file_of_votes_comes_back(votes: Votes, tmp_path) -> None:
    some = votes.where(np.arange(len(votes)) < 90)
    rich = replace(
        record("study", some),
        at_s=np.linspace(1.7e9, 1.7e9 + 3e5, 90),
        propensity=np.full(90, 1 / 6),
        check_rater=np.array([0, 0, 1]),
        check_right=np.array([True, False, True]),
        repeats=votes.where((np.arange(len(votes)) < 30) & (votes.rater == 0)),
        excluded={"rater1": "left early"},
        simulated=True,
    )
    write_votes(rich, tmp_path / "votes.csv")
    back = read_votes(tmp_path / "votes.csv")
    reading = Reading(simulated=True)
    assert back.simulated and back.excluded == rich.excluded and len(back.repeats) == len(rich.repeats)
    ours, theirs = findings(rich, reading), findings(back, reading)
    for mine, other in zip(ours.overall.places, theirs.overall.places, strict=True):
        assert (mine.system, mine.votes, mine.ranks) == (other.system, other.votes, other.ranks)
        assert other.elo == pytest.approx(mine.elo) and other.interval == pytest.approx(mine.interval)
    assert (theirs.daily, theirs.flagged) == (ours.daily, ours.flagged)
    assert theirs.repeats == ours.repeats and ours.repeats[1] > 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left,right,outcome,rater\n", "no column prompt"),
        ("left,right,outcome,rater,prompt\na,a,left,r,p\n", "line 2: 'a' is shown against itself"),
        ("left,right,outcome,rater,prompt\na,b,lefft,r,\n", "line 2: prompt is empty; outcome is 'lefft'"),
        ("left,right,outcome,rater,prompt,at_s\na,b,left,r,p,noon\n", "at_s is 'noon'"),
        ("left,right,outcome,rater,prompt\n", "no vote on two systems"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_votes(path)


def test_cannot_judge_is_counted_and_ranks_nothing(votes: Votes) -> None:
    unsure = replace(votes, outcome=np.where(np.arange(len(votes)) < 7, int(Outcome.CANNOT_JUDGE), votes.outcome))
    told = findings(record("study", unsure))
    assert told.cannot_judge == 7 and told.overall.votes == len(votes) - 7


def test_votes_of_a_record_keep_their_raters() -> None:
    found: Record = record("s", gather([Vote("a", "b", "left", "ann", "p"), Vote("a", "b", "right", "bob", "p")]))
    assert found.without({"ann"}).raters == ("ann", "bob") and len(found.without(set())) == 2
