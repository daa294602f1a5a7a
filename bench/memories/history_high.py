"""The high-resolution branch of the paper's encoder: VAE latents in, vectors of the DiT's width out.

It goes around the narrow channels of the VAE only on its way out: its input is the latent (figure 2 of
arXiv 2512.23851), and its output has as many channels as the DiT. Strides come in time first, then in space.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.attention import attend
from bench.backbones.causal import CausalConv3d, Stream, inverse_rms
from bench.backbones.config import Shapes
from bench.backbones.rate import Rate
from bench.backbones.rope import frame_coordinates, rotate, rotation
from bench.memories.history_gate import NoiseGate

HANDING_ON = ("attention.", "bends.", *(f"convolutions.{number}." for number in range(4)))
"""Parts of `HighBranch` that begin by handing on what they get, all but its last convolution and the projection: they
learn slowly, or what follows them would not settle."""


class WindowAttention(nn.Module):
    """Every token looks at its own frame of memory and at the few before it.

    The paper calls its encoder almost fully convolutional, so that a new section is encoded alone; attention over the
    whole history would break that. A causal window keeps it: the result does not depend on how the video is cut
    into sections, and a section costs the same however long the history has become.
    """

    def __init__(self, channels: int, shapes: Shapes) -> None:
        super().__init__()
        self.shapes, self.heads, self.window = shapes, shapes.history_heads, shapes.history_window
        self.norm = nn.LayerNorm(channels)
        self.to_parts = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)  # begin by leaving every token as it is
        nn.init.zeros_(self.out.bias)

    def forward(
        self, x: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch channel time height width"]:
        batch, channel, time, height, width = x.shape
        if not time:
            return x
        before, past = (0, None) if stream is None else stream.get(self, (0, None))
        times = torch.arange(before, before + time, dtype=torch.float32, device=x.device)
        grid, shapes = frame_coordinates(times, height, width), self.shapes
        positions = rotation(grid, channel // self.heads, shapes.rope_base, shapes.rope_fastest)
        parts: Tensor = self.to_parts(self.norm(x.flatten(2).transpose(1, 2)))
        query, key, value = parts.reshape(batch, -1, 3, self.heads, channel // self.heads).unbind(2)
        query, key = rotate(query, positions), rotate(key, positions)

        by_frame = batch, time, height * width, *query.shape[2:]
        pairs = torch.stack([key.reshape(by_frame), value.reshape(by_frame)], dim=1)
        if past is None:
            past = pairs.new_zeros(batch, 2, self.window - 1, *by_frame[2:])
        pairs = torch.cat([past, pairs], dim=2)
        if stream is not None:
            stream[self] = before + time, pairs[:, :, time:].clone()
        # every frame becomes an element of the batch, beside the frames of its window
        keys, values = pairs.unfold(2, self.window, 1).permute(1, 0, 2, 6, 3, 4, 5).flatten(3, 4).flatten(1, 2)
        index = torch.arange(before - self.window + 1, before + time, device=x.device)
        exists = (index >= 0).unfold(0, self.window, 1).repeat_interleave(height * width, dim=1)
        seen = attend(query.reshape(by_frame).flatten(0, 1), keys, values, exists.repeat(batch, 1)[:, None, None])
        y: Tensor = self.out(seen).reshape(batch, time, height, width, channel)
        return x + y.movedim(-1, 1)


class HighBranch(nn.Module):
    """3D convolutions with SiLU, attention at the widest, and a 1x1x1 projection to the DiT's width.

    Kernels are `stride + 2` long, so that every output sees its whole block and the neighbours of it, and an odd
    row or column is dropped as in the DiT's patchifier. A stage without a stride, at the token grid, adds depth. The
    last one sees its block alone: what is around has come in before, and on top of it was noise to learn from. Before
    it stands the gate, where there is one.

    >>> from bench.backbones.config import shapes
    >>> branch = HighBranch(shapes("nano"), Rate.parse("4x4x2"))
    >>> tuple(branch(torch.zeros(1, 16, 4, 24, 40)).shape)
    (1, 192, 2, 3, 5)
    """

    def __init__(self, shapes: Shapes, rate: Rate) -> None:
        super().__init__()
        self.shapes = shapes
        first, second, third, widest = shapes.history_channels
        _, rows, columns = shapes.patch
        self.gate = NoiseGate(third) if shapes.history_gate else None
        gated = third if self.gate is None else 2 * third
        self.convolutions = nn.ModuleList(
            [
                CausalConv3d(shapes.latent_channels, first),
                CausalConv3d(first, second, (rate.time + 2, 3, 3), (rate.time, 1, 1)),
                CausalConv3d(second, third, (3, rows + 2, columns + 2), (1, rows, columns)),  # the DiT's token grid
                CausalConv3d(third, third),
                CausalConv3d(gated, widest, (1, rate.height, rate.width), (1, rate.height, rate.width)),
            ]
        )
        # how much of its SiLU each channel adds to itself. None at first: the branch begins linear, and learns what
        # its bends are good for (as in ReZero, Bachlechner et al. 2021, arXiv 2003.04887)
        self.bends = nn.ParameterList(
            torch.zeros(channels, 1, 1, 1) for channels in (first, second, third, third, widest)
        )
        self.attention = WindowAttention(widest, shapes)
        self.project = CausalConv3d(widest, shapes.width, (1, 1, 1))
        self._start_handing_on()

    @torch.no_grad()
    def _start_handing_on(self) -> None:
        """Begin with layers that hand on the numbers of their own block as they are, and look at no neighbour yet.

        The last convolution, the first with fewer channels than its block has numbers, begins with zeros: it learns
        what to say as fast as one linear layer per block would, and at first adds nothing to the small video. (Where
        one before it has too few channels, at rates of four latents and more, that begins with an orthogonal mixture.)
        The projection hands on all channels.
        """
        alive = self.shapes.latent_channels  # how many of the channels say something
        for convolution in (*self.convolutions[:-1], self.project):
            assert isinstance(convolution, CausalConv3d) and convolution.conv.bias is not None
            nn.init.zeros_(convolution.conv.weight)
            nn.init.zeros_(convolution.conv.bias)
            own = convolution.own_block if convolution is self.project else convolution.own_block[:, :alive]
            channels, numbers = len(own), own[0].numel()
            rows = torch.eye(channels, numbers)
            if numbers > channels:
                nn.init.orthogonal_(rows)
            own.copy_(rows.reshape(own.shape))
            alive = min(channels, numbers)
        for weight in self.convolutions[-1].parameters():
            nn.init.zeros_(weight)

    @torch.no_grad()
    def listen(self, gains: Float[Tensor, " channel"]) -> None:
        """Let each channel of the latents in with a strength of its own: before training, those that show the most."""
        first = self.convolutions[0]
        assert isinstance(first, CausalConv3d)
        first.conv.weight *= gains.to(first.conv.weight)[:, None, None, None]

    def forward(
        self, latents: Float[Tensor, "batch channel time height width"], stream: Stream | None = None
    ) -> Float[Tensor, "batch dit blocks height2 width2"]:
        x = latents
        for convolution, bend in zip(self.convolutions, self.bends, strict=True):
            if self.gate is not None and convolution is self.convolutions[-1]:
                x = self.gate(x)
            x = convolution(x, stream)
            # past the SiLU too: strength stays (a norm alone takes it away, and a block's contrast with it), and what
            # one layer has lost is not lost to all that follow. The norm keeps the SiLU in its bend at any strength
            x = x + bend * F.silu(x * inverse_rms(x, 1e-6))
        y: Tensor = self.project(self.attention(x, stream), stream)
        return y
