"""A check for machines: JSON for scripts and bots, JUnit XML for whatever shows test results.

Both say what the exit code says, because wrappers eat exit codes: `make` turns every failure into 2.
"""

import math
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from reports.gate.say import difference, headline, look_sentence
from reports.gate.verdicts import Check, MetricVerdict
from reports.grids import printable

SCHEMA = "keepframe.check/1"


def document(check: Check) -> dict[str, Any]:
    """The whole check as JSON data; numbers that do not exist are null."""
    data: dict[str, Any] = asdict(check)
    for side in ("baseline", "candidate"):
        environment = data[side].pop("environment")
        data[side]["commit"] = environment.get("commit")
    found: dict[str, Any] = _plain({"schema": SCHEMA, "exit_code": check.exit_code, "needed": check.needed, **data})
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def junit(check: Check) -> str:
    """JUnit XML: one test case a metric that gates. A regression is a failure, what is open is skipped, and what
    cannot be compared is an error. Metrics that do not gate are in the output text."""
    cases = [_case(metric) for metric in check.metrics if metric.role == "gate"]
    if not any(_outcome(case) for case in cases) and check.exit_code:  # nothing was compared, or an earlier look stands
        cases.append(_element(check.verdict, "check", " ".join(check.reasons)))
    count = {tag: sum(_outcome(case) == tag for case in cases) for tag in ("failure", "error", "skipped")}
    suite = ElementTree.Element(
        "testsuite",
        name="keepframe check",
        tests=str(len(cases)),
        failures=str(count["failure"]),
        errors=str(count["error"]),
        skipped=str(count["skipped"]),
    )
    suite.extend(cases)
    said = [headline(check), look_sentence(check), *check.reasons, *check.warnings]
    ElementTree.SubElement(suite, "system-out").text = "\n".join(printable(line) for line in said if line)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(metric: MetricVerdict) -> ElementTree.Element:
    said = f"{metric.verdict}: {difference(metric)}, margin {metric.margin_as}, {metric.videos} videos"
    return _element(metric.verdict, metric.metric.name, f"{said}, {len(metric.lost)} cases lost")


def _element(verdict: str, name: str, said: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="keepframe.check", name=printable(name), time="0")
    tag = {"regressed": "failure", "missing": "failure", "inconclusive": "skipped", "not comparable": "error"}
    if verdict in tag:
        attributes = {"message": printable(said)}
        if tag[verdict] != "skipped":
            attributes["type"] = verdict
        ElementTree.SubElement(case, tag[verdict], attributes)
    return case


def _outcome(case: ElementTree.Element) -> str | None:
    return case[0].tag if len(case) else None
