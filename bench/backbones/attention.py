"""Attention as every part of the DiT uses it, and what of it can be kept between two passes."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


class KeyValue(NamedTuple):
    """Keys and values of tokens that others look at, with heads where linear layers put them."""

    key: Float[Tensor, "batch others heads channel"]
    value: Float[Tensor, "batch others heads channel"]

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
    parts = [part.transpose(1, 2) for part in (query, key, value)]
    seen = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=mask)
    return seen.transpose(1, 2).flatten(-2)
