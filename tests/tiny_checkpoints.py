"""A folder of checkpoints with random weights and tiny shapes, for tests alone: it proves plumbing, not quality."""

from fractions import Fraction
from pathlib import Path

import torch

from bench.backbones.config import Shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.lora import add_lora, lora_state
from bench.backbones.memory_attention import reading_state
from bench.backbones.text import TextEncoder
from bench.backbones.vae import VideoVAE
from bench.checkpoints.about import About
from bench.checkpoints.files import save
from bench.checkpoints.history_args import HistoryArgs
from bench.memories.history import HistoryEncoder, Variant
from bench.types import Size

TINY = Shapes(
    "tiny", 32, 2, 1, 64, 24, vae_width=4, history_channels=(4, 8, 8, 16), latent_channels=3, history_heads=2,
    history_window=3,
)  # fmt: skip
TINY_SIZE = Size(width=64, height=32)  # 2x4 tokens a latent frame
TINY_FPS = Fraction(8)
RANDOM = {"note": "random weights, for tests"}


def write_backbone(folder: Path, shapes: Shapes = TINY, seed: int = 0) -> dict[str, str]:
    """`vae.safetensors` and `dit.safetensors`; returns their sha256, as history checkpoints name them."""
    torch.manual_seed(seed)
    vae, dit, text = VideoVAE(shapes), VideoDiT(shapes), TextEncoder(shapes)
    channels = shapes.latent_channels
    facts = {
        "latent_mean": [0.1 * channel for channel in range(channels)],
        "latent_std": [1.0 + 0.1 * channel for channel in range(channels)],
        "fps": int(TINY_FPS),
        "width": TINY_SIZE.width,
        "height": TINY_SIZE.height,
    }
    parents = {"vae": save(folder / "vae.safetensors", vae.state_dict(), About("vae", shapes, {}, facts, RANDOM))}
    both = {f"dit.{name}": weight for name, weight in dit.state_dict().items()}
    both |= {f"text.{name}": weight for name, weight in text.state_dict().items()}
    parents["dit"] = save(folder / "dit.safetensors", both, About("dit", shapes, parents, {}, RANDOM))
    return parents


def write_history(
    folder: Path, name: str, args: HistoryArgs, parents: dict[str, str], seed: int = 1, shapes: Shapes = TINY
) -> str:
    """A history checkpoint on that backbone, with an adapter that does something; returns its sha256."""
    torch.manual_seed(seed)
    encoders = [HistoryEncoder(shapes, rate, Variant(args.variant)) for rate in args.rates]
    tensors = {}
    for index, encoder in enumerate(encoders):
        prefix = "encoder." if len(encoders) == 1 else f"encoder.{index}."
        tensors |= {f"{prefix}{name}": weight for name, weight in encoder.state_dict().items()}
    dit = VideoDiT(TINY)
    if args.cross_attention:
        dit.add_memory_attention()
        tensors |= {f"reading.{name}": torch.randn_like(weight) for name, weight in reading_state(dit).items()}
    add_lora(dit, rank=2, alpha=4.0)
    tensors |= {f"lora.{name}": torch.randn_like(weight) * 0.2 for name, weight in lora_state(dit).items()}
    return save(folder / f"{name}.safetensors", tensors, About("history", shapes, parents, args.as_args(), RANDOM))


def write_tiny(root: Path) -> Path:
    """A backbone called `nano` under `root`, with encoders at a few rates and of every variant; returns its folder."""
    folder = root / "nano"
    parents = write_backbone(folder)
    for rate in ("2x2x2", "1x1x1", "2x2x2+1x1x4"):
        write_history(folder, f"history-{rate}", HistoryArgs(rate, lora_alpha=4.0), parents)
    for variant in ("only-lr", "without-lr", "large-patchifier"):
        write_history(folder, f"history-2x2x2-{variant}", HistoryArgs("2x2x2", variant, lora_alpha=4.0), parents)
    return folder
