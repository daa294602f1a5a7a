"""How often one may look: shares of alpha, growing footage, no second try, no second policy."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bench.errors import StoreError, UsageError
from bench.store import Store
from reports.gate.looks import Ledger, LooksSpentError, addresses, share
from reports.gate.policy import Policy

CASES = tuple(f"{i:032d}" for i in range(40))
POLICY = Policy()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "r")


def take(store: Store, cases: tuple[str, ...], verdict: str, policy: Policy = POLICY) -> tuple[int, float]:
    ledger = Ledger(store, cases, policy)
    look = ledger.look()
    ledger.write(look, len(cases), verdict)  # type: ignore[arg-type]
    return look.number, look.alpha


@pytest.mark.parametrize("looks", [1, 2, 3, 4, 10])
def test_the_shares_add_up_to_alpha_and_no_more(looks: int) -> None:
    shares = [share(0.05, k, looks) for k in range(1, looks + 1)]
    assert sum(shares) == pytest.approx(0.05)
    assert shares == sorted(shares, reverse=True)


def test_looks_go_on_with_more_videos_until_they_are_spent(store: Store) -> None:
    assert take(store, CASES[:10], "inconclusive") == (1, 0.025)
    assert take(store, CASES[:20], "inconclusive") == (2, 0.0125)
    assert take(store, CASES[:10], "inconclusive") == (1, 0.025)  # the same cases are the same look
    assert take(store, CASES[:30], "inconclusive") == (3, 0.0125)
    with pytest.raises(LooksSpentError, match="All 3 looks are spent: inconclusive on 10 videos, then") as spent:
        Ledger(store, CASES, POLICY).look()
    assert spent.value.exit_code == 4


def test_other_videos_in_place_of_the_old_ones_are_refused(store: Store) -> None:
    take(store, CASES[:10], "inconclusive")
    with pytest.raises(UsageError, match="1 of those cases are not here"):
        Ledger(store, CASES[1:30], POLICY).look()
    assert take(store, CASES[10:20], "pass") == (1, 0.025)  # none of them in common: another question


def test_margins_are_not_chosen_after_a_look(store: Store) -> None:
    take(store, CASES[:10], "inconclusive")
    wider = Policy.model_validate({"metrics": {"psnr": {"margin": {"absolute": 9.0}}}})
    with pytest.raises(UsageError, match="under another policy"):
        Ledger(store, CASES[:20], wider)


def test_a_regression_stands_and_the_same_look_replaces_itself(store: Store) -> None:
    take(store, CASES[:10], "regressed")
    ledger = Ledger(store, CASES[:20], POLICY)
    assert str(ledger.regressed_before(ledger.look())) == "regressed on 10 videos"
    take(store, CASES[:10], "pass")  # a mended failure, say: no new draw
    ledger = Ledger(store, CASES[:20], POLICY)
    assert ledger.regressed_before(ledger.look()) is None


def test_a_damaged_ledger_is_an_error_and_not_a_fresh_start(store: Store) -> None:
    take(store, CASES[:10], "inconclusive")
    next((store.root / "checks").glob("*.json")).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        Ledger(store, CASES[:10], POLICY)


def test_a_case_is_known_by_both_answers() -> None:
    def planned(candidate: str) -> pa.Table:
        rows = [("baseline", "p"), ("candidate", candidate)]
        return pa.table({"case_key": ["c"] * 2, "system": [r[0] for r in rows], "prediction_key": [r[1] for r in rows]})

    one, same, other = (addresses(planned(key), "baseline", "candidate") for key in ("x", "x", "y"))
    assert one == same != other


def test_three_looks_at_a_loss_of_the_margin_pass_at_most_2_and_a_half_percent() -> None:
    """By simulation: a real loss of exactly the margin, looked at with 10, 20 and 40 videos, stopping at a pass."""
    from reports.gate.judge import judge

    draw = np.random.default_rng(5)
    studies, passed = 1500, 0
    gaps = draw.normal(-0.25, 0.4, (studies, 40))
    for number, videos in enumerate((10, 20, 40), 1):
        answers = judge(
            gaps[:, :videos],
            [0.25] * len(gaps),
            [str(i) for i in range(len(gaps))],
            alpha=share(0.05, number, 3),
            minimum_videos=10,
        )
        done = np.array([answer.verdict in ("pass", "improved") for answer in answers])
        passed += int(done.sum())
        gaps = gaps[~done]
    assert passed / studies <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / studies)
    assert passed > 0
