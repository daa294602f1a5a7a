"""From files to models that answer: the backbone, and the history encoder with the DiT that learned to read it.

Loaded once per process and shared, so nobody may change what is handed out: the DiT that reads a memory is a copy
with its LoRA folded in. Files that are missing, cut short or of different trainings are errors, never random weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.memory_attention import MemoryAttention
from bench.backbones.text import TextEncoder, to_bytes
from bench.backbones.tokens import TextTokens
from bench.checkpoints.about import digest
from bench.checkpoints.files import fill, load, require
from bench.checkpoints.folder import checkpoint_file, checkpoint_folder, default_device
from bench.checkpoints.history_args import HistoryArgs
from bench.checkpoints.latents import LatentSpace, latent_space
from bench.errors import KeepframeError
from bench.memories.history import HistoryEncoder, Variant

Part = TypeVar("Part", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A latent space and the DiT that generates in it. Shared by everybody: do not train or change it."""

    space: LatentSpace
    dit: VideoDiT
    text: TextEncoder
    folder: Path
    digests: Mapping[str, str]  # sha256 of the files, by part: vae, dit

    @property
    def shapes(self) -> Shapes:
        """The shapes of all parts."""
        return self.space.shapes

    @torch.no_grad()
    def prompt(self, words: str) -> TextTokens:
        """An encoded prompt, a batch of one."""
        tokens: TextTokens = self.text(to_bytes([words]).to(self.space.device))
        return tokens


@dataclass(frozen=True, eq=False)
class Reader:
    """A trained history encoder φ, and the DiT (LoRA folded in) that reads its tokens. Do not change them."""

    backbone: Backbone
    encoders: tuple[HistoryEncoder, ...]  # one, unless the memory has several rates
    dit: VideoDiT
    args: HistoryArgs
    path: Path
    digest: str


def space(where: str | Path = "nano", device: str | None = None) -> LatentSpace:
    """The VAE alone, with its statistics. `where` is a name or a folder.

    Raises `UnavailableError` when there are no weights, and `KeepframeError` for files that cannot be used.
    """
    path = checkpoint_folder(where) / "vae.safetensors"
    return _space(path, digest(path), device or default_device())


def backbone(where: str | Path = "nano", device: str | None = None) -> Backbone:
    """VAE, DiT and text encoder. `where` is a name or a folder.

    Raises `UnavailableError` when there are no weights, and `KeepframeError` for files that do not belong together.
    """
    folder = checkpoint_folder(where)
    files = (digest(folder / f"{part}.safetensors") for part in ("vae", "dit"))
    return _backbone(folder, *files, device or default_device())


def history(name: str | Path, base: Backbone) -> Reader:
    """The history checkpoint called `name` in the folder of the backbone (or any file), ready to encode and to read.

    Raises `UnavailableError` when there are no weights, and `KeepframeError` for files that do not belong together.
    """
    path = checkpoint_file(name, base.folder)
    return _reader(path, digest(path), base)


@lru_cache(maxsize=4)
def _space(path: Path, sha256: str, device: str) -> LatentSpace:
    return latent_space(path, sha256, device)


@lru_cache(maxsize=4)
def _backbone(folder: Path, vae_sha256: str, dit_sha256: str, device: str) -> Backbone:
    latent = _space(folder / "vae.safetensors", vae_sha256, device)
    path = folder / "dit.safetensors"
    tensors, about = load(path)
    require(about, path, kind="dit", shapes=latent.shapes, parents={"vae": vae_sha256})
    dit, text = VideoDiT(latent.shapes), TextEncoder(latent.shapes)
    fill(dit, tensors, "dit.", path)
    fill(text, tensors, "text.", path)
    return Backbone(latent, _frozen(dit, device), _frozen(text, device), folder, {"vae": vae_sha256, "dit": dit_sha256})


@lru_cache(maxsize=8)
def _reader(path: Path, sha256: str, base: Backbone) -> Reader:
    tensors, about = load(path)
    require(about, path, kind="history", shapes=base.shapes, parents=base.digests)
    args = HistoryArgs.of(about.args, path)
    dit = _frozen(VideoDiT(base.shapes, isolated_memory=args.isolated_memory), str(base.space.device))
    dit.load_state_dict(base.dit.state_dict())
    if args.cross_attention:
        _fill_memory_attention(dit, tensors, path)
    if parent := about.parents.get("stage-one"):
        stage_one, its_about = load(_named_by_digest(parent, path))
        fold(dit, stage_one, HistoryArgs.of(its_about.args, path).lora_alpha, path)
    fold(dit, tensors, args.lora_alpha, path)
    encoders = [HistoryEncoder(about.shapes, rate, _variant(args.variant, path)) for rate in args.rates]
    for index, encoder in enumerate(encoders):
        fill(encoder, tensors, "encoder." if len(encoders) == 1 else f"encoder.{index}.", path)
    device = str(base.space.device)
    return Reader(base, tuple(_frozen(encoder, device) for encoder in encoders), dit, args, path, sha256)


@torch.no_grad()
def fold(dit: VideoDiT, tensors: Mapping[str, Tensor], alpha: float | None, path: Path) -> None:
    """Add the adapters under `lora.` to the linear layers they belong to (bench/backbones/lora.py), in place.

    Raises `KeepframeError` for an adapter of a layer that the DiT does not have, or has in another shape.
    """
    downs = {
        name.removeprefix("lora.").removesuffix(".down.weight"): tensor
        for name, tensor in tensors.items()
        if name.startswith("lora.") and name.endswith(".down.weight")
    }
    layers = {name: layer for name, layer in dit.named_modules() if isinstance(layer, nn.Linear)}
    for name, down in downs.items():
        up = tensors.get(f"lora.{name}.up.weight")
        fits = up is not None and name in layers and layers[name].weight.shape == (len(up), down.shape[1])
        if up is None or not fits:
            raise KeepframeError(
                f"{path} has an adapter for {name!r}, which is no layer of this DiT, or one of another shape.",
                "Name the checkpoint of this backbone, or train one.",
            )
        scale = 1.0 if alpha is None else alpha / len(down)
        layers[name].weight += (up @ down * scale).to(layers[name].weight.device)


def _fill_memory_attention(dit: VideoDiT, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Add attention to the memory, with the weights under `reading.`."""
    dit.add_memory_attention()
    dit.requires_grad_(False)
    for name, module in dit.named_modules():
        if isinstance(module, MemoryAttention):
            fill(module, tensors, f"reading.{name}.", path)


def _named_by_digest(sha256: str, child: Path) -> Path:
    """The stage-one file that a stage-two file was trained on: it lies beside it."""
    for path in sorted(child.parent.glob("history-*.safetensors")):
        if path != child and digest(path) == sha256:
            return path
    raise KeepframeError(
        f"{child} goes on from a stage-one file (sha256 {sha256[:12]}…) that is not in its folder.",
        "Put the two side by side, or train stage two again.",
    )


def _variant(name: str, path: Path) -> Variant:
    try:
        return Variant(name)
    except ValueError as error:
        raise KeepframeError(f"{path} holds the variant {name!r}, which is not known.", "Train it again.") from error


def _frozen(module: Part, device: str) -> Part:
    return module.eval().requires_grad_(False).to(device)
