"""Attention as every part of the DiT uses it, and what of it can be kept between two passes."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


class KeyValue(NamedTuple):
    """Keys and values of tokens that others look at, with heads where linear layers put them."""

    key: Float[Tensor, "#batch others #heads channel"]
    value: Float[Tensor, "batch others heads content"]

    def before(self, other: "KeyValue") -> "KeyValue":
        """Both, one after the other."""
        return KeyValue(torch.cat([self.key, other.key], dim=1), torch.cat([self.value, other.value], dim=1))


def attend(
    query: Float[Tensor, "batch tokens heads channel"],
    key: Float[Tensor, "batch others heads channel"],
    value: Float[Tensor, "batch others heads channel"],
    mask: Bool[Tensor, "batch 1 1 others"] | None = None,
) -> Float[Tensor, "batch tokens width"]:
    """PyTorch's attention with heads where linear layers put them, and joined again. `mask` is True where to look."""
    q, k, v = (part.transpose(1, 2) for part in (query, key, value))
    if mask is None and q.device.type == "cpu" and q.requires_grad:
        # plain products: on a CPU, PyTorch's own way back through its kernel makes a training step a sixth longer
        seen: Tensor = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(-1) @ v
    else:
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return seen.transpose(1, 2).flatten(-2)
