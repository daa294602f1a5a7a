"""What a study asks of its raters: decided when it is made, kept in the ledger, never changed after."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.digest import digest_bytes

CRITERIA = {
    "identity": "Which keeps people and animals looking like themselves?",
    "clothing": "Which keeps clothes and things the same?",
    "scene": "Which keeps the place the same?",
    "motion": "Which moves more naturally?",
    "text": "Which has the more legible text?",
    "prompt": "Which fits the description better?",
    "artefacts": "Which has fewer flaws (flicker, smears, blocks)?",
}
"""Criterion -> the question that the rater reads."""

CONSENT = (
    "You will see pairs of short videos and say which you prefer. There are no right answers, except where a video "
    "itself asks you to choose A or B. Your answers are stored under a random code together with when you gave them "
    "and how the videos played; no address of your device is stored. You may stop at any time by closing the page. "
    "The answers may be published under the random code."
)


class StudyConfig(BaseModel):
    """The frozen terms of a study. Times of a rater's session are counted by the server's clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="Video study", description="heads every page")
    question: str = Field(default="Which video do you prefer?", description="asked of each pair")
    consent: str = Field(default=CONSENT, description="what a rater agrees to")
    criteria: tuple[str, ...] = Field(default=(), description=f"optional questions: {', '.join(CRITERIA)}")
    raters: int = Field(default=20, ge=1, description="how many are expected; more may come")
    per_rater: int = Field(default=20, ge=1, description="real pairs, besides gold, repeats and traps")
    gold: int = Field(default=2, ge=0, description="pairs of a clip and a spoilt copy, for each rater")
    repeats: int = Field(default=2, ge=0, description="pairs that come again with sides exchanged, for each rater")
    traps: int = Field(default=1, ge=0, description="pairs that ask for a side themselves, for each rater")
    min_watch: float = Field(default=1.0, ge=0, le=1, description="share of both clips that must have been played")
    max_speed: float = Field(default=1.5, ge=1, description="fastest playback that the page offers")
    scheduler: Literal["balanced", "active"] = Field(
        default="balanced", description="active: pairs by what a vote on them tells, at least 30 % evenly"
    )
    lease_hours: float = Field(default=2.0, gt=0, description="how long an idle rater's open pairs count as given out")
    seed: int = Field(default=0, description="of the draws of pairs")
    prolific_code: str = Field(default="", description="Prolific's completion code of the study")

    @property
    def lease_ms(self) -> int:
        return round(self.lease_hours * 3_600_000)

    @property
    def consent_sha256(self) -> str:
        """Names the very text that a rater agreed to."""
        return digest_bytes(self.consent.encode())
