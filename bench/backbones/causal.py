"""A convolution over time that can be stopped anywhere and resumed: the brick of the VAE and of the history encoder.

A video that does not fit into memory is encoded chunk by chunk. The result equals encoding at once because every
layer looks only backwards, and keeps in a `Stream` the inputs that its next output still needs.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Stream = dict[nn.Module, Any]
"""What each layer keeps between two chunks of one video. A new video starts with an empty one."""

Axes = tuple[int, int, int]
"""(time, height, width)."""


def inverse_rms(x: Float[Tensor, "batch channel *place"], eps: float = 1e-12) -> Float[Tensor, "batch 1 *place"]:
    """What brings every place on its own to a root mean square of one over its channels.

    A norm over time (batch or group norm) would look into the future.
    """
    # half of F.normalize's time on a CPU, which reduces this axis one number at a time
    return torch.rsqrt(x.square().mean(1, keepdim=True) + eps)


class CausalConv3d(nn.Module):
    """A 3D convolution that sees two steps of the past, one neighbour on each side in space, and no future.

    Along an axis where the kernel is as long as the stride, it sees only its own block. A time kernel of 3 with
    stride 2 gives the first frame an output of its own and then one to every two frames, as video VAEs have it;
    a kernel of `stride + 2` gives one output to every full block, in space and time: exactly `floor(n / stride)`.
    Inputs of an unfinished block wait in the stream.

    >>> conv, stream = CausalConv3d(1, 1, (4, 3, 3), (2, 1, 1)), {}
    >>> [conv(torch.zeros(1, 1, 3, 5, 5), stream).shape[2] for _ in range(2)]
    [1, 2]
    """

    def __init__(self, inputs: int, outputs: int, kernel: Axes = (3, 3, 3), stride: Axes = (1, 1, 1)) -> None:
        super().__init__()
        _, rows, columns = (0 if size == step else 1 for size, step in zip(kernel, stride, strict=True))
        self.lead = 0 if kernel[0] == stride[0] else 2
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding=(0, rows, columns))

    @property
    def own_block(self) -> Float[Tensor, "outputs inputs time height width"]:
        """The weights for the block that an output stands for, without its past and its neighbours; a view."""
        weight, (time, rows, columns) = self.conv.weight, self.conv.stride
        top, left = (weight.shape[3] - rows) // 2, (weight.shape[4] - columns) // 2
        return weight[:, :, weight.shape[2] - time :, top : top + rows, left : left + columns]

    def forward(
        self, x: Float[Tensor, "batch inputs time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch outputs time2 height2 width2"]:
        past = None if stream is None else stream.get(self)
        if past is None:
            past = x.new_zeros(*x.shape[:2], self.lead, *x.shape[3:])
        x = torch.cat([past, x], dim=2)
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        outputs = max(0, (x.shape[2] - kernel) // stride + 1)
        if stream is not None:
            stream[self] = x[:, :, outputs * stride :].clone()  # a view would keep the whole chunk alive
        if not outputs:  # torch refuses to convolve fewer inputs than the kernel is long
            return x.new_zeros(x.shape[0], self.conv.out_channels, 0, *self._space(x.shape[3], x.shape[4]))
        return _convolve(self.conv, x[:, :, : (outputs - 1) * stride + kernel])

    def _space(self, height: int, width: int) -> tuple[int, int]:
        conv = self.conv
        rows = (height + 2 * int(conv.padding[1]) - conv.kernel_size[1]) // conv.stride[1] + 1
        columns = (width + 2 * int(conv.padding[2]) - conv.kernel_size[2]) // conv.stride[2] + 1
        return rows, columns


def _convolve(
    conv: nn.Conv3d, x: Float[Tensor, "batch inputs time height width"]
) -> Float[Tensor, "batch outputs time2 height2 width2"]:
    """The convolution, by oneDNN where PyTorch would leave it aside.

    For a single video in float32 on a CPU it mostly does, by a rule of thumb about small inputs, and gathers the
    neighbours of every number into a matrix instead: on one AVX2 core 6 GFLOP/s for the widest layers of nano's VAE
    where oneDNN has 63.
    """
    left_aside = len(x) == 1 and x.device.type == "cpu" and x.dtype == conv.weight.dtype == torch.float32
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if left_aside and has_onednn and not torch.is_autocast_enabled("cpu"):
        padding = [int(side) for side in conv.padding]
        fast: Tensor = torch.mkldnn_convolution(
            x, conv.weight, conv.bias, padding, conv.stride, conv.dilation, conv.groups
        )
        return fast
    y: Tensor = conv(x)
    return y
