"""Random numbers in the published files' formats, for proofs: full size, the same from run to run.

What a proof with them shows is that two programs do the same with the same numbers; what a dimension is worth, it
does not. They are written into a folder of the proof's own and never where published weights are looked for.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def write(name: str, folder: Path) -> Path:
    """The file of this name of the catalogue with random numbers in it. Raises KeyError where no recipe is known."""
    path = folder / name
    if not path.exists():
        _RECIPES[name](path)
    return path


def _numbers(model: Any, seed: int) -> dict[str, Any]:
    """The state of a model with every number random: matrices by their inputs, norms about 1, all else about 0."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Any] = {}
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            state[name] = value
            continue
        noise = torch.empty(value.shape).normal_(generator=generator)
        if name.endswith("running_var"):
            state[name] = 1 + 0.2 * noise.clamp(-2, 2)
        elif value.ndim >= 2:
            # Not larger where queries and keys are made: attention that picks one place swells rounding from layer to
            # layer, and 24 layers made 1.4e-2 of 1e-7.
            inputs = value[0].numel() if "embed" not in name and name.rsplit(".", 1)[-1] != "proj" else 100
            state[name] = noise * inputs**-0.5
        else:
            centre = 1.0 if name.endswith("weight") else 0.0
            state[name] = centre + 0.1 * noise
    return state


def _saved(make: Callable[[], Any], wrap: Callable[[Any], Any] = lambda state: state) -> Callable[[Path], None]:
    def write_to(path: Path) -> None:
        import torch

        torch.save(wrap(_numbers(make(), seed=len(path.name))), path)

    return write_to


def _dino() -> Any:
    from suites.features.dino import Build, Dino

    return Dino(Build(width=768, depth=12, patch=16, positions=197))


def _viclip() -> Any:
    from suites.viclip.model import TextTower, ViCLIP, VisionTower

    vision = VisionTower(width=1024, depth=24, patch=14, places=257, frames=8, channels=768)
    return ViCLIP(vision, TextTower(width=768, depth=12, words=49408, length=32, channels=768))


def _raft() -> Any:
    from suites.dynamics.raft import empty

    return empty()


def _amt() -> Any:
    from runners.amt import empty

    return empty()


def _musiq() -> Any:
    from pyiqa.archs.musiq_arch import MUSIQ

    return MUSIQ(pretrained=False)


def _head() -> Any:
    from torch import nn

    return nn.Linear(768, 1)


def _clip(*, channels: int, layers: int, width: int, patch: int, text: int, heads: int) -> Callable[[Path], None]:
    """OpenAI's files are TorchScript archives in half precision, with three numbers beside the networks'."""

    def write_to(path: Path) -> None:
        import torch
        from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = CLIP(
                channels,
                CLIPVisionCfg(layers=layers, width=width, patch_size=patch, image_size=224),
                CLIPTextCfg(context_length=77, vocab_size=49408, width=text, heads=heads, layers=12),
                quick_gelu=True,
            )
        state = {name: value.half() for name, value in _numbers(model, seed=patch).items() if name != "attn_mask"}
        state["logit_scale"] = torch.tensor(100.0).log()
        sizes = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
        tree = _tree(state | {name: torch.tensor(size) for name, size in sizes.items()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; OpenAI's files are what they are
            torch.jit.script(tree).save(path)

    return write_to


def _tree(state: Mapping[str, Any]) -> Any:
    """A module that does nothing and holds these tensors under these names."""
    import torch
    from torch import nn

    class Holder(nn.Module):
        def forward(self) -> int:
            return 0

    root = Holder()
    for name, value in state.items():
        *places, last = name.split(".")
        module: Any = root
        for place in places:
            if place not in module._modules:
                module.add_module(place, Holder())
            module = module._modules[place]
        module.register_buffer(last, value if isinstance(value, torch.Tensor) else torch.tensor(value))
    return root


_RECIPES: Mapping[str, Callable[[Path], None]] = {
    "dino-vitb16": _saved(_dino),
    "clip-b32": _clip(channels=512, layers=12, width=768, patch=32, text=512, heads=8),
    "clip-l14": _clip(channels=768, layers=24, width=1024, patch=14, text=768, heads=12),
    "laion-aesthetic": _saved(_head),
    "raft": _saved(_raft),
    "amt-s": _saved(_amt, lambda state: {"state_dict": state}),
    "musiq-spaq": _saved(_musiq),
    "viclip-l14": _saved(_viclip, lambda state: {"model": state | {"temp": state["text_encoder.ln_final.bias"][0]}}),
}
