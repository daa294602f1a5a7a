"""Floating-point operations by formula: the same on every machine, and known before anything runs.

Torch's counter misses attention on some backends (on a CPU it sees none of it), so it is only a cross-check
(`runners/meter_flops.py`). One multiplication with its addition counts as 2; norms, activations, rotary angles and
softmax are left out, as is usual. All figures are for a batch of one, in steady state: streams hold their past.
"""

from dataclasses import dataclass

from bench.backbones.config import GATE_WIDTH, Shapes
from bench.backbones.rate import Rate
from bench.types import Size
from suites.cost.profile import PROMPT_BYTES, SECTION_LATENTS, Profile

WORDS = PROMPT_BYTES + 1  # the prompt of a profile in tokens


@dataclass(frozen=True)
class Work:
    """FLOPs of a section of `SECTION_LATENTS` latents, by stage; `prefill` is 0 where every step reads the memory."""

    vae_encode: int
    compress: int
    prefill: int
    denoise_step: int
    vae_decode: int


def section(profile: Profile) -> Work:
    """The work of one section of a rollout that begins at the end of the history.

    >>> from suites.cost.profile import profile
    >>> work = section(profile("wan-14b", layers=1))
    >>> round(work.denoise_step / 1e12, 1), work.prefill
    (8.0, 0)
    """
    shapes, frame = profile.shapes, profile.frame
    rate = profile.memory_rate
    height, width = shapes.token_grid(frame)
    tokens, memory = SECTION_LATENTS * height * width, profile.history_tokens
    isolated = profile.isolated and rate is not None
    own = tokens if isolated else tokens + memory
    groups = SECTION_LATENTS + (0 if isolated else 1 if rate is not None else profile.history_latents)
    shown = tokens if rate is not None else tokens + memory  # uncompressed latents stand among the frames
    step = dit(shapes, own, tokens + memory, groups) + ends(shapes, shown)
    prefill = dit(shapes, memory, memory, 1) if isolated else 0
    frames = shapes.vae_stride[0] * SECTION_LATENTS
    return Work(
        vae_encode=vae_encode(shapes, frames, frame),
        compress=0 if rate is None else compress(shapes, SECTION_LATENTS, frame, rate),
        prefill=prefill,
        denoise_step=step,
        vae_decode=vae_decode(shapes, SECTION_LATENTS, frame),
    )


def dit(shapes: Shapes, tokens: int, seen: int, groups: int) -> int:
    """The DiT's blocks with what conditions them: `tokens` go through, each looks at `seen`, in `groups` of noise."""
    w = shapes.width
    text_in = linear(WORDS, shapes.text_width, w) + linear(WORDS, w, w)
    noise = linear(groups, 256, w) + linear(groups, w, w) + linear(groups, w, 6 * w)
    return shapes.layers * block(shapes, tokens, seen) + text_in + noise


def block(shapes: Shapes, tokens: int, seen: int) -> int:
    """One block: self-attention, attention to the prompt, the MLP."""
    w = shapes.width
    own = 4 * linear(tokens, w, w) + attention(tokens, seen, w)
    prompt = 2 * linear(tokens, w, w) + 2 * linear(WORDS, w, w) + attention(tokens, WORDS, w)
    return own + prompt + linear(tokens, w, shapes.mlp_width) + linear(tokens, shapes.mlp_width, w)


def ends(shapes: Shapes, tokens: int) -> int:
    """The first and the last layer of the DiT."""
    _, rows, columns = shapes.patch
    return 2 * linear(tokens, shapes.latent_channels * rows * columns, shapes.width)


def compress(shapes: Shapes, latents: int, frame: Size, rate: Rate) -> int:
    """φ on `latents` new latents (a multiple of the rate's time): both branches, with the small video's VAE."""
    height, width = shapes.latent_grid(frame)
    rows, columns = shapes.patch[1:]
    first, second, third, widest = shapes.history_channels
    blocks = latents // rate.time
    token_rows, token_columns = height // rows, width // columns
    memory_rows, memory_columns = shapes.memory_grid(frame, rate)
    at_latents, at_tokens = blocks * height * width, blocks * token_rows * token_columns
    per_block = memory_rows * memory_columns
    memory = blocks * per_block
    high = (
        conv(latents * height * width, shapes.latent_channels, first, 27)
        + conv(at_latents, first, second, (rate.time + 2) * 9)
        + conv(at_tokens, second, third, 3 * (rows + 2) * (columns + 2))
        + conv(at_tokens, third, third, 27)
        + (3 * linear(at_tokens, third, GATE_WIDTH) if shapes.history_gate else 0)
        + conv(memory, (2 if shapes.history_gate else 1) * third, widest, rate.height * rate.width)
        + linear(memory, widest, 4 * widest)  # query, key, value and out
        + attention(memory, shapes.history_window * per_block, widest)
        + linear(memory, widest, shapes.width)
    )
    _, stride_rows, stride_columns = shapes.vae_stride
    small = Size(width // rate.width * stride_columns, height // rate.height * stride_rows)
    low = vae_encode(shapes, shapes.vae_stride[0] * blocks, small)
    return high + low + linear(memory, shapes.latent_channels * rows * columns, shapes.width)


def vae_encode(shapes: Shapes, frames: int, frame: Size) -> int:
    """Our VAE on `frames` new frames (a multiple of four)."""
    fine, middle, coarse = (shapes.vae_width * times for times in (1, 2, 4))
    pixels = frames * frame.width * frame.height
    at_half, at_quarter, at_latents = pixels // 4, pixels // 32, pixels // 256
    block = shapes.vae_stride[0] * shapes.vae_stride[1] * shapes.vae_stride[2]
    return (
        conv(at_half, 12, fine, 27)
        + 2 * conv(at_half, fine, fine, 27)
        + conv(at_quarter, fine, middle, 27)
        + 2 * conv(at_quarter, middle, middle, 27)
        + conv(at_latents, middle, coarse, 27)
        + 4 * conv(at_latents, coarse, coarse, 27)
        + conv(at_latents, coarse, 2 * shapes.latent_channels, 1)
        + conv(at_latents, 3, shapes.latent_channels, block)
    )


def vae_decode(shapes: Shapes, latents: int, frame: Size) -> int:
    """Our VAE on `latents` new latents."""
    fine, middle, coarse = (shapes.vae_width * times for times in (1, 2, 4))
    height, width = shapes.latent_grid(frame)
    at_latents = latents * height * width
    at_quarter, at_half = 8 * at_latents, 64 * at_latents
    block = shapes.vae_stride[0] * shapes.vae_stride[1] * shapes.vae_stride[2]
    return (
        conv(at_latents, shapes.latent_channels, coarse, 27)
        + 4 * conv(at_latents, coarse, coarse, 27)
        + conv(at_latents, coarse, 2 * coarse, 3)
        + conv(at_quarter, coarse, middle, 9)
        + 2 * conv(at_quarter, middle, middle, 27)
        + conv(at_quarter, middle, 2 * middle, 3)
        + conv(at_half, middle, fine, 9)
        + 2 * conv(at_half, fine, fine, 27)
        + conv(at_half, fine, 12, 27)
        + conv(at_latents, shapes.latent_channels, 3, block)
    )


def linear(rows: int, inputs: int, outputs: int) -> int:
    """A matrix product.

    >>> linear(2, 3, 4)
    48
    """
    return 2 * rows * inputs * outputs


def attention(queries: int, keys: int, width: int) -> int:
    """Scores and their use, all heads together: `width` is the sum of the heads' channels."""
    return 4 * queries * keys * width


def conv(outputs: int, inputs: int, channels: int, kernel: int) -> int:
    """A convolution with so many output places and so many places in its kernel."""
    return 2 * outputs * inputs * channels * kernel
