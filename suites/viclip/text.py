"""From a prompt to ViCLIP's tokens. The tower reads 32 tokens, begin and end among them: what is cut is said.

The words are CLIP's byte pairs, which open_clip ships; a prompt is cleaned and lower-cased as OpenAI did.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from bench.errors import KeepframeError


class Tokens(NamedTuple):
    """A prompt's tokens, padded with zeros to the tower's length, and how many did not fit."""

    ids: list[int]
    cut: int


def tokens(prompt: str, length: int = 32) -> Tokens:
    """The tokens of a prompt, its end in the last place when it does not fit.

    Raises KeepframeError for an empty prompt: its score would be about nothing.

    >>> found = tokens("a cat", 6)
    >>> found.ids, found.cut
    ([49406, 320, 2368, 49407, 0, 0], 0)
    """
    if not prompt.strip():
        raise KeepframeError(
            "The prompt is empty, so there is nothing that the video could agree with.",
            "Give prompts: --prompts FILE, or a caption in the folder's manifest.",
        )
    tokenizer = _tokenizer()
    ids = [tokenizer.sot_token_id, *tokenizer.encode(prompt), tokenizer.eot_token_id]
    cut = max(0, len(ids) - length)
    if cut:
        ids = [*ids[: length - 1], tokenizer.eot_token_id]
    return Tokens(ids + [0] * (length - len(ids)), cut)


def embedding(model: Any, prompt: str) -> Float32[np.ndarray, " channel"]:
    """The prompt's embedding of length 1."""
    import torch

    ids = torch.tensor([tokens(prompt, model.text_length).ids], device=next(model.parameters()).device)
    with torch.inference_mode():
        return np.asarray(model.text(ids)[0].cpu().numpy())


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
