"""What a check is written down as: JSON that parses, JUnit that counts, a comment that fits, names that stay text."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.errors import NotComparableError
from reports.gate.document import document, junit
from reports.gate.gate import environment_warnings, refused
from reports.gate.looks import LooksSpentError
from reports.gate.say import headline
from reports.gate.text import COMMENT_LIMIT, markdown
from tests.unit.gate_tables import decided, scores

EVIL = "</details> ![x](http://e.vil/p.png) @everyone | <script>alert(1)</script> \x00"


def lost(cases: int, message: str) -> dict:
    values = scores(0.0, videos=cases)
    values["candidate"][:] = np.nan
    values["candidate"][0] = values["baseline"][0]
    failures = [
        {"system": "candidate", "case": f"case-{c:04d}", "stage": "recall", "error": "E", "message": message}
        for c in range(1, cases)
    ]
    return {"values": {"psnr": values}, "failures": failures}


def test_the_document_is_json_and_says_the_exit_code() -> None:
    for shift in (0.0, -0.8, -0.12, 0.8):
        check = decided({"psnr": scores(shift)}, tags=[["a"]] * 25 + [[]] * 25)
        said = json.loads(json.dumps(document(check), allow_nan=False))
        assert (said["verdict"], said["exit_code"]) == (check.verdict, check.exit_code)
        assert said["needed"] == check.needed


@pytest.mark.parametrize(("shift", "tag"), [(0.0, None), (-0.8, "failure"), (-0.12, "skipped")])
def test_junit_has_one_case_a_gating_metric(shift: float, tag: str | None) -> None:
    check = decided({"psnr": scores(shift), "ssim": scores(0.0)}, {"metrics": {"ssim": {"role": "info"}}})
    suite = ElementTree.fromstring(junit(check).encode())[0]
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["psnr"]
    assert [child.tag for child in cases[0]] == ([tag] if tag else [])
    assert suite.get("failures") == str(int(tag == "failure"))
    assert suite.get("skipped") == str(int(tag == "skipped"))


def test_the_headline_says_what_was_lost_and_by_which_metric_it_is_worse() -> None:
    values = {"psnr": scores(-0.8), "ssim": scores(0.0)}
    assert headline(decided(values)) == "Regressed: worse than the baseline by PSNR."
    values["ssim"]["candidate"][[3, 4]] = np.nan
    assert headline(decided(values)) == "Regressed: worse than the baseline by PSNR, and 2 cases lost."
    assert headline(decided({"ssim": values["ssim"]})) == "Regressed: 2 cases lost."


def test_what_was_refused_is_an_error_or_skipped_in_junit_and_still_a_document() -> None:
    not_comparable = refused(NotComparableError("Other cases.", "Run it."), "old", "new")
    assert ElementTree.fromstring(junit(not_comparable).encode())[0].get("errors") == "1"
    assert document(not_comparable)["exit_code"] == 5
    assert "Other cases" in markdown(not_comparable)
    spent = refused(LooksSpentError("All 3 looks are spent.", ""), "old", "new")
    assert (spent.verdict, spent.exit_code) == ("inconclusive", 4)
    assert ElementTree.fromstring(junit(spent).encode())[0].get("skipped") == "1"


def test_a_comment_fits_and_says_what_was_cut() -> None:
    made = lost(2000, "x" * 400)
    check = decided(made.pop("values"), tags=[["a"]] * 1000 + [[]] * 1000, **made)
    text = markdown(check)
    assert len(text) <= COMMENT_LIMIT
    assert "lines more" in text
    assert text.startswith("### ❌ Regressed")
    assert text.count("<details>") == text.count("</details>")
    for limit in (200, 700, 1500, 5000):
        assert len(markdown(check, limit)) <= limit


def test_a_short_comment_has_everything() -> None:
    text = markdown(decided({"psnr": scores(-0.8)}, tags=[["indoors"]] * 25 + [[]] * 25))
    assert "tag indoors" in text and "left out" not in text
    assert "| PSNR | regressed |" in text


def test_what_other_programs_said_stays_text() -> None:
    made = lost(12, EVIL)
    check = decided(made.pop("values"), **made)
    text = markdown(check)
    assert "<script" not in text and "![x]" not in text
    assert "@everyone" not in text  # nobody is called
    assert text.count("</details>") == text.count("<details>")
    ElementTree.fromstring(junit(check).encode())  # no control characters, nothing unescaped


def test_other_machines_are_said() -> None:
    one = {"processor": "A", "python": "3.11.7", "packages": {"torch": "2.9", "numpy": "2.1", "rich": "13"}}
    other = {"processor": "A", "python": "3.11.7", "packages": {"torch": "2.10", "numpy": "2.1", "rich": "14"}}
    (line,) = environment_warnings(one, other)
    assert "torch 2.9 and 2.10" in line and "rich" not in line
    assert environment_warnings(one, one) == ()
    (line,) = environment_warnings({**one, "device": "cpu"}, {**one, "device": "cuda (H200)"})
    assert "device cpu and cuda (H200)" in line
    assert environment_warnings(one, {**one, "device": "cpu"}) == ()  # it was not always written down
