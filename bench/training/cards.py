"""Model cards: what a checkpoint is, what it was trained on, for how long, on what, and what came out.

Written by the training itself from what it knows, so that a card cannot drift from its weights.
"""

import json
from collections import Counter
from pathlib import Path

from bench.checkpoints.about import About, digest
from bench.training.video import Collection

_WHAT = {
    "vae": "Causal video VAE, strides 4x8x8",
    "dit": "Video DiT (flow matching) with its text encoder",
    "history": "History encoder φ with the DiT's LoRA",
}


def write_card(path: Path, about: About, learned: Collection) -> None:
    """`NAME.md` beside `NAME.safetensors`, and `FOOTAGE.md` with every video, its licence and its author."""
    training = about.training
    licences = Counter(video.licence or "not stated" for video in learned.videos)
    rows = [
        ("file", f"`{path.name}`, {path.stat().st_size / 1e6:.1f} MB, float16, sha256 `{digest(path)[:16]}…`"),
        ("shapes", f"`{about.shapes.name}`"),
        *((name, f"`{value}`") for name, value in sorted(about.args.items()) if not isinstance(value, list)),
        *((f"trained on top of ({part})", f"`{found[:16]}…`") for part, found in sorted(about.parents.items())),
        ("steps", str(training["steps"])),
        ("recipe", f"`{json.dumps(training['recipe'])}`"),
        (
            "time and hardware",
            f"{training['seconds'] / 60:.0f} min on {training['hardware']}, {training['processes']} process(es)",
        ),
        (
            "footage",
            f"{training['videos']} videos, {training['video_seconds'] / 60:.0f} min: see [FOOTAGE.md](FOOTAGE.md)",
        ),
        ("licences of footage", ", ".join(f"{name} ({count})" for name, count in sorted(licences.items()))),
        *((f"validation: {name}", f"{value:g}") for name, value in sorted(training["validation"].items())),
        *([("note", training["note"])] if "note" in training else []),
        ("commit", f"`{training['commit']}`"),
    ]
    text = [f"# {path.stem}", "", f"{_WHAT[about.kind]}, trained by Keepframe. Written by the training itself.", ""]
    text += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]
    text += [
        "Validation is on videos held back from the training footage. Licence of the weights: that of the project; "
        "the licences of the footage are listed because some ask for attribution.",
        "",
    ]
    path.with_suffix(".md").write_text("\n".join(text), encoding="utf-8")
    lines = ["# Footage that the weights in this folder were trained on", ""]
    lines += [
        f"- {video.name}: {video.licence or 'not stated'}. {video.attribution}".rstrip() for video in learned.videos
    ]
    path.with_name("FOOTAGE.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
