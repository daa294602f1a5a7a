"""OpenAI's CLIP through open_clip: pictures and texts in one space. Always in float32, on a CPU and on a GPU.

VBench runs CLIP in half precision on a GPU, which moves scores in the third or fourth digit; a score should not say
what it was computed on.
"""

import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from bench.errors import KeepframeError
from bench.weights import mend
from suites.features.networks import device, filled_later


def from_state(state: Mapping[str, Any]) -> Any:
    """open_clip's model of these weights (OpenAI's names), in float32 and evaluation mode, without gradients.

    Raises KeepframeError when they are not CLIP's.
    """
    from open_clip.model import build_model_from_openai_state_dict

    try:
        with filled_later():
            model = build_model_from_openai_state_dict(dict(state))
    except Exception as error:
        raise KeepframeError(
            f"These weights are not CLIP's: {error}.", "keepframe weights fetch clip-b32 clip-l14 --again"
        ) from error
    return model.float().eval().requires_grad_(False)


def text_embedding(model: Any, text: str) -> Float32[np.ndarray, " channel"]:
    """The text's embedding, of length 1. Texts longer than the tower (77 tokens) lose their end."""
    import torch
    from open_clip import tokenize
    from torch.nn import functional as F

    with torch.inference_mode():
        tokens = tokenize([text], context_length=model.context_length).to(next(model.parameters()).device)
        embedding = F.normalize(model.encode_text(tokens).float(), dim=-1)
    return np.asarray(embedding[0].cpu().numpy())


@lru_cache(maxsize=2)
def loaded(weights: Path) -> Any:
    """The model of a published file, kept for the process, on the GPU where there is one."""
    return from_state(_published(weights)).to(device())


@lru_cache(maxsize=2)
def pictures(weights: Path) -> Any:
    """`encode_image` of `loaded`, without the half for texts: half a gigabyte of L/14 that would lie there unused."""
    return from_state(_published(weights)).visual.to(device())


def _published(weights: Path) -> Mapping[str, Any]:
    """OpenAI's files are TorchScript archives; only their tensors are taken."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; OpenAI's files are what they are
            return dict(torch.jit.load(weights, map_location="cpu").state_dict())  # type: ignore[no-untyped-call]
    except Exception as error:
        raise KeepframeError(f"{weights} is not a CLIP archive: {error}.", mend(weights)) from error
