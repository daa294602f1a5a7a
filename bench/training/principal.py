"""A start for the codes of dense tokens: a linear layer per block that keeps its principal components."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from bench.memories.history import LargePatchifier


@torch.no_grad()
def start_principal(
    patchifier: LargePatchifier,
    latents: Sequence[Float[Tensor, "_ channel _ _ _"]],
    weights: Float[Tensor, " channel"],  # how much each channel counts, 1 on average
) -> None:
    """Outputs become the principal components of what shows of a block, with a mean square of one over all of them."""
    shown = weights.sqrt()[:, None, None, None]
    convolution = patchifier.blocks.conv
    inputs = torch.cat([_blocks(part * shown, convolution.stride) for part in latents])
    mean = inputs.mean(0)
    spread = (inputs - mean).double()
    strengths, vectors = torch.linalg.eigh(spread.T @ spread / len(spread))
    strengths, vectors = strengths.flip(0)[: len(convolution.weight)], vectors.flip(1)[:, : len(convolution.weight)]
    block = (vectors.T / strengths.mean().sqrt()).to(convolution.weight.dtype)
    assert convolution.bias is not None
    convolution.weight.copy_(block.reshape(convolution.weight.shape) * shown.to(convolution.weight))
    convolution.bias.copy_(-block @ mean)


def _blocks(x: Float[Tensor, "batch channel time height width"], stride: tuple[int, ...]) -> Tensor:
    """What each output has for its own block, one to a row."""
    time, rows, columns = stride
    batch, channel, *sides = x.shape
    counts = [side // step for side, step in zip(sides, stride, strict=True)]
    x = x[:, :, : counts[0] * time, : counts[1] * rows, : counts[2] * columns]
    x = x.reshape(batch, channel, counts[0], time, counts[1], rows, counts[2], columns)
    return x.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(0, 3)
