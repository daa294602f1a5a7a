"""A study on disk: where its ledger, its media and its secret are.

study.json      schema version and the ledger's URL (never a password)
ledger.sqlite   the votes, unless the ledger is a PostgreSQL database
media/          the clips under opaque names, nothing in them says whose they are
secret          the key that signs links; only its owner may read it
"""

import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError, UsageError
from leaderboard.study.clock import Clock
from leaderboard.study.ledger import Ledger

SCHEMA = 1
SECRET_VARIABLE = "KEEPFRAME_STUDY_SECRET"
SHORTEST_SECRET = 32


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study."""

    root: Path
    url: str

    @classmethod
    def existing(cls, root: Path) -> "StudyFolder":
        """The study in this folder. Raises `StoreError` when there is none or it is damaged."""
        path = Path(root) / "study.json"
        try:
            told = json.loads(path.read_text())
            if told["schema"] != SCHEMA:
                raise StoreError(f"{path} has schema {told['schema']}.", "Update: pip install --upgrade keepframe.")
            return cls(Path(root), told["ledger"] or _sqlite(Path(root)))
        except FileNotFoundError:
            raise StoreError(f"There is no study in {root}.", "keepframe study new makes one.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged: {error}.", "Restore it from a backup.") from error

    @classmethod
    def create(cls, root: Path, url: str = "") -> "StudyFolder":
        """Write down where a new study's ledger is; made last, so that a folder with study.json is whole."""
        folder = cls(Path(root), url or _sqlite(Path(root)))
        (folder.root / "study.json").write_text(json.dumps({"schema": SCHEMA, "ledger": url}, indent=1))
        return folder

    @property
    def media(self) -> Path:
        return self.root / "media"

    def ledger(self, *, write: bool = False, clock: Clock | None = None) -> Ledger:
        """Open the ledger; use it in a `with`."""
        return Ledger(self.url, write=write, clock=clock)

    def new_secret(self) -> None:
        """Make the signing key, readable by its owner only."""
        path = self.root / "secret"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))

    def key(self) -> "Key":
        """The signing key, from the environment or the folder. Raises `UsageError` for none, or a weak one."""
        path = self.root / "secret"
        told = os.environ.get(SECRET_VARIABLE, "")
        if not told:
            if not path.is_file():
                raise UsageError(
                    f"This study has no secret: {path} is missing.",
                    f"Restore it, or set {SECRET_VARIABLE} (links that were signed with another secret are void).",
                )
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise UsageError(f"Others can read {path}.", f"chmod 600 {path}")
            told = path.read_text().strip()
        if len(told) < SHORTEST_SECRET:
            raise UsageError(f"The secret is shorter than {SHORTEST_SECRET} characters.", "openssl rand -base64 48")
        return Key(told.encode())


@dataclass(frozen=True)
class Key:
    """Makes and checks keyed digests, each for one purpose: what is signed for one is void for another."""

    secret: bytes

    def sign(self, purpose: str, *parts: str) -> str:
        """32 hex digits.

        >>> Key(b"x" * 32).sign("rater", "7") == Key(b"x" * 32).sign("media", "7")
        False
        """
        text = json.dumps([purpose, *parts]).encode()
        return hmac.digest(self.secret, text, "sha256").hex()[:32]

    def good(self, signature: str, purpose: str, *parts: str) -> bool:
        """Whether `sign` made this signature, in constant time."""
        return hmac.compare_digest(signature.encode(), self.sign(purpose, *parts).encode())


def _sqlite(root: Path) -> str:
    return f"sqlite:///{(root / 'ledger.sqlite').absolute()}"
