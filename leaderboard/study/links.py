"""Signed links: who may take part, whose session it is, which clip may be played.

Nothing in a link can be guessed or changed, and none names a system. An invitation is for one person, for whoever has
the link, or for the workers of a platform, which adds its own name for each to the address.
"""

import re
import secrets
from dataclasses import dataclass

from leaderboard.study.folder import Key
from leaderboard.study.writer import Refused

SOURCES = ("link", "open", "prolific", "mturk")
_WORKER = {"prolific": "PROLIFIC_PID", "mturk": "workerId"}
_KEPT = {"prolific": ("STUDY_ID", "SESSION_ID"), "mturk": ("assignmentId", "hitId")}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Links:
    """Makes and reads the links of one study."""

    key: Key
    study_id: str

    def invitation(self, source: str, name: str = "any", *, until_ms: int) -> str:
        """The last part of an invitation's address.

        >>> links = Links(Key(b"x" * 32), "s")
        >>> links.read_invitation(links.invitation("link", "ann", until_ms=10), now_ms=9)
        ('link', 'ann')
        """
        if source not in SOURCES or not _NAME.fullmatch(name):
            raise ValueError(f"{source} {name!r}: letters, digits, - and _ only")
        signed = self.key.sign("invitation", self.study_id, source, name, str(until_ms))
        return f"{source}~{name}~{until_ms}~{signed}"

    def read_invitation(self, token: str, now_ms: int) -> tuple[str, str]:
        """(source, name) of an invitation. Raises `Refused` for a forged or expired one."""
        source, name, until_ms, signed = _four(token, "~")
        if not self.key.good(signed, "invitation", self.study_id, source, name, until_ms):
            raise Refused(403, "This invitation is not valid. Ask for a new link.")
        if int(until_ms) < now_ms:
            raise Refused(403, "This invitation has expired. Ask for a new link.")
        return source, name

    def session(self, rater_no: int) -> str:
        """What the browser keeps, in a cookie that no script can read."""
        return f"{rater_no}~{self.key.sign('session', self.study_id, str(rater_no))}"

    def read_session(self, cookie: str) -> int:
        """The rater's number. Raises `Refused` for none or a forged one."""
        number, _, signed = cookie.partition("~")
        if not (number.isdecimal() and self.key.good(signed, "session", self.study_id, number)):
            raise Refused(401, "Open the link of your invitation to take part.")
        return int(number)

    def clip(self, assignment: str, side: str, until_ms: int) -> str:
        """The last part of a clip's address: it says which showing and which side, and nothing of the clip."""
        return f"{assignment}~{side}~{until_ms}~{self.key.sign('clip', assignment, side, str(until_ms))}"

    def read_clip(self, token: str, now_ms: int) -> tuple[str, str]:
        """(assignment, side). Raises `Refused` for a forged or expired address."""
        assignment, side, until_ms, signed = _four(token, "~")
        if not self.key.good(signed, "clip", assignment, side, until_ms) or int(until_ms) < now_ms:
            raise Refused(403, "This address is not valid any more. Load the page again.")
        return assignment, side

    def completion_code(self, rater_no: int) -> str:
        """What a rater shows to be paid: nobody can make one up, and each rater has another."""
        return self.key.sign("completion", self.study_id, str(rater_no))[:10].upper()


def external(source: str, name: str, query: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Who somebody is at their `source`, and what a platform wants back. Raises `Refused` when it did not say."""
    if source == "link":
        return name, {}
    if source == "open":
        return secrets.token_hex(8), {}
    worker = query.get(_WORKER[source], "")
    if query.get("assignmentId") == "ASSIGNMENT_ID_NOT_AVAILABLE":
        raise Refused(403, "Accept the task first; then this link opens the study.")
    if not _NAME.fullmatch(worker):
        raise Refused(400, f"The address lacks {_WORKER[source]}. Open the study from the platform's page.")
    return worker, {name: query[name][:128] for name in _KEPT[source] if name in query}


def _four(token: str, mark: str) -> tuple[str, str, str, str]:
    parts = token.split(mark)
    if len(parts) != 4 or not parts[2].isdecimal() or not token.isascii():
        raise Refused(403, "This link is not valid. Was it copied whole?")
    return parts[0], parts[1], parts[2], parts[3]
