"""LoRA for the DiT: a frozen linear layer plus a trained low-rank one.

Our own, because it is thirty lines: peft would bring transformers and its model registry along, and both training
stages need no more than to add adapters, to save only them, and to fold them in before the next stage adds fresh ones.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """`base(x) + up(down(x)) * alpha / rank`; `up` begins at zero, so nothing changes before training.

    >>> base, x = nn.Linear(8, 8), torch.randn(2, 8)
    >>> torch.equal(LoRALinear(base, rank=2, alpha=2)(x), base(x))
    True
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        where = {"device": base.weight.device, "dtype": base.weight.dtype}
        self.down = nn.Linear(base.in_features, rank, bias=False, **where)
        self.up = nn.Linear(rank, base.out_features, bias=False, **where)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        y: Tensor = self.base(x) + self.up(self.down(x)) * self.scale
        return y

    def folded(self) -> nn.Linear:
        """One ordinary layer that computes the same."""
        with torch.no_grad():
            self.base.weight += self.up.weight @ self.down.weight * self.scale
        return self.base


def add_lora(model: nn.Module, rank: int, alpha: float) -> None:
    """Freeze `model` and put an adapter beside every linear layer in it (the paper: rank 128)."""
    model.requires_grad_(False)
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    for name, module in linear.items():
        model.set_submodule(name, LoRALinear(module, rank, alpha))


def fold_lora(model: nn.Module) -> None:
    """Fold every adapter into its layer: stage two begins with stage one's result and a fresh LoRA."""
    adapted = {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}
    for name, module in adapted.items():
        model.set_submodule(name, module.folded())


def lora_state(model: nn.Module) -> dict[str, Tensor]:
    """What training changed: the adapters alone, by name."""
    return {
        f"{name}.{part}.weight": getattr(module, part).weight.detach()
        for name, module in model.named_modules()
        if isinstance(module, LoRALinear)
        for part in ("down", "up")
    }
