"""The video of the low-resolution branch: smaller by the rate in height and width, and slower by it in time.

It goes through the same VAE, patchifier and first layer as any video, which gives one token to every block of the
history without a new weight. Its frames are chosen so that its latents and the blocks cover the same moments.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from bench.backbones.config import Shapes
from bench.backbones.rate import Rate
from bench.types import Size


def low_video(
    frames: Float[Tensor, "batch 3 time height width"], first: int, shapes: Shapes, rate: Rate
) -> Float[Tensor, "batch 3 time2 height2 width2"]:
    """The low-resolution, low-frame-rate version of `frames`, of which the first has index `first` in its video.

    Block `j > 0` of a memory covers `4 * rate.time` frames, of which the last of each `rate.time` is kept: the four of
    latent `j`. Block 0 is shorter by three frames, and its last frame stands for it: latent 0, which is one frame.
    Frames before that are skipped, so video may be cut into sections anywhere. Rows and columns that are in no block
    are cropped, then means over `rate.height x rate.width` pixels are taken. Raises `UsageError` for a size that the
    VAE cannot encode or that the rate leaves without a token.

    >>> import torch
    >>> from bench.backbones.config import shapes
    >>> tuple(low_video(torch.zeros(1, 3, 480, 48, 80), 0, shapes("nano"), Rate(2, 2, 2)).shape)
    (1, 3, 238, 24, 40)
    """
    size = Size(width=frames.shape[-1], height=frames.shape[-2])
    shapes.memory_grid(size, rate)
    height, width = shapes.latent_grid(size)
    per_latent, rows, columns = shapes.vae_stride
    start = per_latent * (rate.time - 1)  # the last frame of block 0
    skipped = max(start - first, (start - first) % rate.time)
    kept = frames[
        :,
        :,
        skipped :: rate.time,
        : height // rate.height * rate.height * rows,
        : width // rate.width * rate.width * columns,
    ]
    if not kept.shape[2]:
        return kept.new_zeros(*kept.shape[:3], kept.shape[3] // rate.height, kept.shape[4] // rate.width)
    return F.avg_pool3d(kept, (1, rate.height, rate.width))
