"""The README's own code runs as it stands there."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench.spec import load
from bench.store import Store
from runners.session import execute

README = Path(__file__).parents[2] / "README.md"


def block(language: str, first_line: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return next(text for text in found if text.startswith(first_line))


def test_the_spec_is_a_spec() -> None:
    assert len(tomllib.loads(block("toml", "# spec.toml"))["systems"]) == 3


def test_the_plugin_keeps_the_contract_and_is_measured(tmp_path: Path, spec_file: Path) -> None:
    code = block("python", "# mine.py")
    assert code.count("\n") < 45
    (spec_file.parent / "mine.py").write_text(code)
    tried = subprocess.run(
        [sys.executable, "-m", "bench", "try", f"{spec_file.parent}/mine.py:Mine"], capture_output=True, text=True
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    with spec_file.open("a") as file:
        file.write(block("toml", '[[systems]]\nname = "mine"'))
    outcome = execute(load(spec_file), tmp_path / "r", workers=1, report=lambda *_: None)
    results = Store.existing(tmp_path / "r").results(outcome.plan.key)
    assert results.failures.num_rows == 0
    mine = [row["value"] for row in results.scores.to_pylist() if row["system"] == "mine" and row["metric"] == "psnr"]
    assert len(mine) == 12
    assert min(mine) > 10


@pytest.mark.parametrize("name", ["VIDEO.md", "RESULTS.md", "report.png"])
def test_what_the_readme_links_is_there(name: str) -> None:
    assert f"docs/{name}" in README.read_text(encoding="utf-8")
    assert (README.parent / "docs" / name).exists()
