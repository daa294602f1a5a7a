"""Rankings by people, kept beside the run whose answers they saw, for that run's report.

The ranking is kept as data, not as a page: a report renders it like everything else, with every string escaped.
"""

import json
from pathlib import Path

from bench.digest import digest_bytes
from bench.errors import StoreError
from bench.store import Store
from reports.study_formats import SCHEMA, to_json
from suites.preference.findings import Findings


def keep(found: Findings, store: Store, run: str) -> Path:
    """Keep a ranking with a run (key, its first digits, name or `latest`), in the place of an older one of the same
    study. Raises `StoreError` or `UsageError` where there is no such run."""
    folder: Path = store.root / "runs" / str(store.find(run)["key"]) / "studies"
    folder.mkdir(exist_ok=True)
    path = folder / f"{digest_bytes(found.title.encode())[:16]}.json"
    part = path.with_suffix(".part")
    part.write_text(to_json(found), encoding="utf-8")
    part.replace(path)  # a report that is made meanwhile sees the old one or the new one
    return path


def kept(store: Store, key: str) -> list[Findings]:
    """The rankings that are kept with this run, by title. Raises `StoreError` for one that cannot be read."""
    from pydantic import TypeAdapter, ValidationError

    found = []
    for path in sorted((store.root / "runs" / key / "studies").glob("*.json")):
        mend = "Make it anew: keepframe study rank STUDY --scores STORE --run RUN --keep."
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            schema = document.pop("schema", None)
            if schema != SCHEMA:
                raise StoreError(f"{path} has schema {schema!r}, not {SCHEMA!r}.", mend)
            found.append(TypeAdapter(Findings).validate_python(document))
        except (OSError, ValueError, AttributeError, ValidationError) as error:
            raise StoreError(f"{path} cannot be read: {error}.", mend) from error
    return sorted(found, key=lambda one: one.title)
