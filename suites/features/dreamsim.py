"""DreamSim: how alike two pictures look to people, by three vision transformers of which LoRA has moved the attention.

What is published is a zip of CLIP's and OpenCLIP's picture towers under DINO's names and the LoRA numbers; DINO itself
is the file of `dino-vitb16`. The zip is read as it is, nothing is unpacked and no file in it runs. The LoRA numbers
are added to the matrices they belong to, once: the same sums in another order.

Source: Fu et al., "DreamSim" (2023); the package dreamsim 0.2.1, type "ensemble".
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import KeepframeError
from suites.features.dino import Dino, from_state
from suites.features.networks import device
from suites.features.published import read_state
from suites.features.views import CLIP_DEVIATION, CLIP_MEAN, IMAGENET_DEVIATION, IMAGENET_MEAN

CLIP, OPEN_CLIP = "clip_vitb16_pretrain.pth.tar", "open_clip_vitb16_pretrain.pth.tar"
LORA = "ensemble_lora"
_LORA_NAME = re.compile(r"extractor_list\.(\d)\..*?blocks\.(\d+)\.attn\.qkv\.lora_([AB])\.(?:default\.)?weight$")


class DreamSim(nn.Module):
    """Pictures of 0 to 1, 224 pixels a side, to embeddings of length 1 whose mean is 0: 768 channels of DINO (before
    its last norm), 512 of CLIP and 512 of OpenCLIP. The published distance is 1 - cosine."""

    def __init__(self, dino: Dino, clip: Dino, open_clip: Dino, heads: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.dino, self.clip, self.open_clip = dino, clip, open_clip
        self.clip_head, self.open_clip_head = (nn.Parameter(head.float(), requires_grad=False) for head in heads)

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channel"]:
        imagenet = _normalised(pictures, IMAGENET_MEAN, IMAGENET_DEVIATION)
        clips = _normalised(pictures, CLIP_MEAN, CLIP_DEVIATION)
        parts = [
            self.dino.raw(imagenet),
            self.clip(clips) @ self.clip_head,
            self.open_clip(clips) @ self.open_clip_head,
        ]
        joint = torch.cat(parts, dim=1)
        joint = joint - joint.mean(dim=1, keepdim=True)
        out: Tensor = joint / joint.norm(dim=1, keepdim=True)
        return out


def read(archive: Path, dino: Path) -> DreamSim:
    """The network of the published zip and DINO's file, in evaluation mode, without gradients.

    Raises KeepframeError when they hold something else.
    """
    states = [read_state(dino)]
    try:
        with zipfile.ZipFile(archive) as members:
            states += [read_state(io.BytesIO(members.read(name)), "state_dict") for name in (CLIP, OPEN_CLIP)]
            settings = json.loads(members.read(f"{LORA}/adapter_config.json"))
            lora = _lora(members)
        heads = (states[1].pop("proj"), states[2].pop("proj"))
        scale = settings["lora_alpha"] / settings["r"]
        for (model, block), pair in lora.items():
            target = f"blocks.{block}.attn.qkv.weight"
            states[model][target] = states[model][target].float() + scale * (pair["B"].float() @ pair["A"].float())
        towers = (
            from_state(states[0]),
            from_state(states[1], "dreamsim", eps=1e-5, quick=True),
            from_state(states[2], "dreamsim", eps=1e-5),
        )
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, IndexError, RuntimeError) as error:
        raise KeepframeError(
            f"{archive} is not DreamSim's: {error}.", "keepframe weights fetch dreamsim --again"
        ) from error
    return DreamSim(*towers, heads).eval().requires_grad_(False)


def _lora(members: zipfile.ZipFile) -> dict[tuple[int, int], dict[str, Tensor]]:
    """The pairs of LoRA matrices by (network, block). Raises ValueError where one is missing or unknown."""
    named = {Path(name).name: name for name in members.namelist() if name.startswith(f"{LORA}/adapter_model.")}
    place = named.get("adapter_model.safetensors") or named.get("adapter_model.bin")
    if place is None:
        raise ValueError(f"it has no {LORA}/adapter_model.safetensors")
    content = members.read(place)
    if place.endswith(".safetensors"):
        from safetensors.torch import load

        numbers: Mapping[str, Tensor] = load(content)
    else:
        numbers = read_state(io.BytesIO(content))
    found: dict[tuple[int, int], dict[str, Tensor]] = {}
    for name, value in numbers.items():
        match = _LORA_NAME.search(name)
        if match is None:
            raise ValueError(f"nothing is known of its {name}")
        found.setdefault((int(match[1]), int(match[2])), {})[match[3]] = value
    if any(set(pair) != {"A", "B"} for pair in found.values()) or {model for model, _ in found} != {0, 1, 2}:
        raise ValueError("its LoRA numbers are not those of three networks, in pairs")
    return found


def _normalised(pictures: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    shape = (1, 3, 1, 1)
    middle, spread = (torch.tensor(values, device=pictures.device).view(shape) for values in (mean, deviation))
    return (pictures - middle) / spread


@lru_cache(maxsize=1)
def loaded(archive: Path, dino: Path) -> Any:
    """The network of the published files, kept for the process, on the GPU where there is one."""
    return read(archive, dino).to(device())
