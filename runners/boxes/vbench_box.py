"""The vbench package, asked from outside: runs in a box of its own, speaks JSON lines, imports nothing of Keepframe.

Reads `{"id": 1, "dimension": "temporal_flickering", "video": "/a.mp4", "prompt": "A cat."}` from its input and writes
`{"id": 1, "value": 0.97}` or `{"id": 1, "error": "…"}` to its output. The first line it writes names its versions.
The package prints as it likes; all of that goes to the error stream.
"""

import importlib
import json
import os
import sys
import tempfile
from importlib.metadata import version
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**line: Any) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    say(versions={name: version(name) for name in ("vbench", "torch", "numpy")})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            say(id=asked["id"], value=_value(asked["dimension"], asked["video"], asked["prompt"]))
        except Exception as error:
            say(id=asked["id"], error=f"{type(error).__name__}: {error}")


def _value(dimension: str, video: str, prompt: str) -> float:
    import torch

    module = importlib.import_module(f"vbench.{dimension}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        listed = os.path.join(folder, "info.json")  # noqa: PTH118
        with open(listed, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump([{"prompt_en": prompt, "dimension": [dimension], "video_list": [video]}], file)
        _, (found,) = getattr(module, f"compute_{dimension}")(listed, device, _weights(dimension))
    return float(found["video_results"])


def _weights(dimension: str) -> Any:
    """What the package's own loader gives; it downloads what its cache lacks. Flickering needs none."""
    if dimension == "temporal_flickering":
        return []
    from vbench.utils import init_submodules

    return init_submodules([dimension], local=True, read_frame=False)[dimension]


if __name__ == "__main__":
    main()
