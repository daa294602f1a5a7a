"""A start for encoders that knows the latents: what they see of a block, they keep the principal components of.

Drawn at random, the convolution onto the DiT's token grid keeps 96 of 192 numbers and with them half of what is in a
patch, and the next one 192 of 1,536. What a linear layer per block has from its first steps takes them a thousand.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from bench.backbones.causal import CausalConv3d
from bench.memories.history import LargePatchifier
from bench.memories.history_high import HighBranch


@torch.no_grad()
def start_principal(
    branch: HighBranch,
    latents: Sequence[Float[Tensor, "_ channel _ _ _"]],
    weights: Float[Tensor, " channel"],  # how much each channel counts, 1 on average
) -> None:
    """Set the convolutions of `branch` one after the other, each by what those before it make of `latents`."""
    for number, convolution in enumerate(branch.convolutions):
        assert isinstance(convolution, CausalConv3d)
        weight = convolution.conv.weight
        if number == 0:  # components are the principal ones of what shows from here on
            weight *= weights.to(weight.device).sqrt()[:, None, None, None]
            continue
        inputs = torch.cat([_blocks(branch.before(number, part), convolution.conv.stride) for part in latents])
        if inputs.shape[1] > len(weight):  # else all of it is kept already
            _keep_components(convolution, inputs)


@torch.no_grad()
def start_patchifier(
    patchifier: LargePatchifier,
    latents: Sequence[Float[Tensor, "_ channel _ _ _"]],
    weights: Float[Tensor, " channel"],
) -> None:
    """The same for one linear layer per block."""
    shown = weights.sqrt()[:, None, None, None]
    convolution = patchifier.blocks
    inputs = torch.cat([_blocks(part * shown, convolution.conv.stride) for part in latents])
    _keep_components(convolution, inputs)
    convolution.conv.weight *= shown.to(convolution.conv.weight)


def _keep_components(convolution: CausalConv3d, inputs: Float[Tensor, "blocks inputs"]) -> None:
    """Outputs become the principal components of the own block, with a mean square of one over all of them."""
    weight, bias, (time, rows, columns) = convolution.conv.weight, convolution.conv.bias, convolution.conv.stride
    assert bias is not None
    mean = inputs.mean(0)
    spread = (inputs - mean).double()
    strengths, vectors = torch.linalg.eigh(spread.T @ spread / len(spread))
    strengths, vectors = strengths.flip(0)[: len(weight)], vectors.flip(1)[:, : len(weight)]
    block = (vectors.T / strengths.mean().sqrt()).to(weight.dtype)
    top, left = (weight.shape[3] - rows) // 2, (weight.shape[4] - columns) // 2
    own = weight[:, :, weight.shape[2] - time :, top : top + rows, left : left + columns]
    own.copy_(block.reshape(own.shape))
    bias.copy_(-block @ mean)


def _blocks(x: Float[Tensor, "batch channel time height width"], stride: tuple[int, ...]) -> Tensor:
    """What each output has for its own block, one to a row."""
    time, rows, columns = stride
    batch, channel, *sides = x.shape
    counts = [side // step for side, step in zip(sides, stride, strict=True)]
    x = x[:, :, : counts[0] * time, : counts[1] * rows, : counts[2] * columns]
    x = x.reshape(batch, channel, counts[0], time, counts[1], rows, counts[2], columns)
    return x.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(0, 3)
