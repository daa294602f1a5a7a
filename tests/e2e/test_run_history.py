"""The memory of tokens in a run: through bytes, with its controls and its ceiling, keyed by its weights."""

from pathlib import Path

import pytest
import torch
from e2e.test_cli import keepframe, last_line
from e2e.test_run import numbers, run
from tiny_checkpoints import write_history, write_tiny

from bench.checkpoints.history_args import HistoryArgs
from bench.checkpoints.load import backbone
from bench.errors import UnavailableError

torch.set_num_threads(1)
SYSTEMS = """
[[systems]]
name = "tokens"
memory = "history"
args = { rate = "2x2x2" }
generator = "reference"
generator_args = { steps = 1 }

[[systems]]
name = "withheld"
memory = "withheld"
args = { of = "history", args = { rate = "2x2x2" } }
generator = "reference"
generator_args = { steps = 1 }

[[systems]]
name = "shuffled"
memory = "shuffled"
args = { of = "history", args = { rate = "2x2x2" } }
generator = "reference"
generator_args = { steps = 1 }

[[systems]]
memory = "latents"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return write_tiny(tmp_path / "checkpoints")


@pytest.fixture
def spec(spec_text: str, tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    head = spec_text.partition("[[systems]]")[0].replace("[footage]", "[footage]\nlimit = 1")
    path.write_text(head + SYSTEMS, encoding="utf-8")
    return path


def test_tokens_controls_and_ceiling_are_measured(spec: Path, folder: Path, tmp_path: Path) -> None:
    first, results = run(spec, tmp_path / "r")
    assert results.failures.num_rows == 0, results.failures.to_pylist()
    assert first.answers_done == 4
    rates = {row["system"]: row for row in results.rates.to_pylist()}
    # 2 s at 8 frames per second: 5 latents filled up to 6, at 2x2x2 of 2x4 tokens
    assert (rates["tokens"]["tokens"], rates["tokens"]["floats"]) == (3 * 2, 3 * 2 * 32)
    assert rates["tokens"]["bytes"] == 22 + 12 + 2 * 3 * 2 * 32
    assert (rates["withheld"]["tokens"], rates["withheld"]["bytes"]) == (0, 22)
    assert rates["latents"]["floats"] == 5 * 3 * 4 * 8
    _, declared = run(spec, tmp_path / "r", 'suite.args.queries="declared"')
    assert declared.failures.num_rows == 0
    assert not numbers(declared).equals(numbers(results))

    write_history(folder, "history-2x2x2", HistoryArgs("2x2x2", lora_alpha=4.0), dict(backbone().digests), seed=9)
    trained_on, _ = run(spec, tmp_path / "r")
    assert trained_on.answers_done == 3, "other weights are another memory; the VAE is the same"


def test_a_run_without_weights_stops_before_it_begins(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(tmp_path / "none"))
    with pytest.raises(UnavailableError, match="random ones never stand in for them"):
        run(spec, tmp_path / "r")


def test_try_reads_a_memory_of_tokens_through_its_generator(folder: Path) -> None:
    done = keepframe("try", "history", "--args", '{ rate = "2x2x2" }', "--json")
    assert done.returncode == 0, done.stdout
    passed = {check["name"]: check["passed"] for check in last_line(done)["checks"]}
    assert passed.pop("order") is None, "only a memory that answers by itself promises it"
    assert set(passed.values()) == {True}
