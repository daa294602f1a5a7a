"""FLOPs by formula against torch's counter, with attention in its counted form."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.backbones.dit import VideoDiT
from bench.backbones.tokens import MemoryTokens, TextTokens
from bench.memories.history_low import low_video
from bench.types import Size
from runners.meter_flops import counted
from suites.cost import flops
from suites.cost.build import build
from suites.cost.profile import PROMPT_BYTES, Profile, profile

FRAME = Size(96, 64)


def small(**more: bool) -> Profile:
    return profile("nano", layers=2, frame=FRAME, rate="2x2x2", history_s=4.0, **more)


def _history(asked: Profile) -> MemoryTokens:
    """Tokens of a history that ended before the frames that are asked for."""
    count = asked.history_tokens
    return MemoryTokens(torch.zeros(1, count, asked.shapes.width), torch.full((count, 3), -9.0), torch.ones(count))


@pytest.mark.parametrize("isolated", [False, True])
def test_the_dit_does_what_its_formula_says(isolated: bool) -> None:
    asked = small(isolated=isolated)
    work = flops.section(asked)
    reader = build(asked)
    memory = _history(asked)
    text = reader.backbone.prompt("x" * PROMPT_BYTES)
    noisy = torch.zeros(1, 16, 4, *asked.shapes.latent_grid(FRAME))
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        if isolated:
            prefill = counted(lambda: reader.dit.remember(memory, text))
            assert prefill.flops == work.prefill
            memory = reader.dit.remember(memory, text)
        step = counted(lambda: reader.dit(noisy, torch.ones(1, 4), torch.arange(4.0), text, memory))
    assert step.flops == work.denoise_step
    assert not step.gaps


def test_a_counter_that_cannot_see_attention_says_so() -> None:
    query = torch.zeros(1, 2, 8, 16)
    seen = counted(lambda: torch.nn.functional.scaled_dot_product_attention(query, query, query))
    missing = flops.attention(8, 8, 32) - seen.flops
    assert (missing == 0) == (not seen.gaps)


def test_the_vae_does_what_its_formula_says() -> None:
    asked = small()
    vae = build(asked).backbone.space.vae
    stream: dict = {}
    latents = torch.zeros(1, 16, 4, *asked.shapes.latent_grid(FRAME))
    with torch.no_grad():
        vae.encode(torch.zeros(1, 3, 13, FRAME.height, FRAME.width), stream)
        seen = counted(lambda: vae.encode(torch.zeros(1, 3, 16, FRAME.height, FRAME.width), stream))
        assert seen.flops == flops.section(asked).vae_encode
        decoder: dict = {}
        vae.decode(latents, decoder)
        assert counted(lambda: vae.decode(latents, decoder)).flops == flops.section(asked).vae_decode


@pytest.mark.parametrize("rate", ["2x2x2", "2x2x1", "1x1x4"])
def test_the_history_encoder_does_what_its_formula_says(rate: str) -> None:
    asked = profile("nano", layers=1, frame=FRAME, rate=rate, history_s=4.0)
    reader = build(asked)
    encoder, space = reader.encoders[0], reader.backbone.space
    latents = torch.zeros(1, 16, 4, *asked.shapes.latent_grid(FRAME))
    pixels = torch.zeros(1, 3, 16, FRAME.height, FRAME.width)
    stream: dict = {}
    vae: dict = {}

    def once(first: int) -> None:
        low = low_video(pixels, first, asked.shapes, asked.memory_rate)
        encoder(latents, space.vae.encode(low, vae).mean, reader.dit.first_layer, stream)

    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        once(0)  # the streams hold their past from here on, and 13 of 16 frames fill the first four latents
        vae.clear()
        low = low_video(pixels[:, :, :13], 0, asked.shapes, asked.memory_rate)
        space.vae.encode(low, vae)
        assert counted(lambda: once(13)).flops == flops.compress(asked.shapes, 4, FRAME, asked.memory_rate)


@pytest.mark.parametrize("size", ["wan-14b", "hunyuan"])
def test_the_formula_holds_at_paper_sizes(size: str) -> None:
    """On tensors without storage: whole frames, 20 s of history, and nothing is computed."""
    asked = profile(size, layers=1, rate="4x4x2", history_s=20.0)
    shapes = asked.shapes
    with torch.device("meta"), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        dit = VideoDiT(shapes)
        memory = _history(asked)
        words = torch.zeros(1, flops.WORDS, shapes.text_width)
        text = TextTokens(words, torch.ones(1, flops.WORDS, dtype=torch.bool))
        noisy = torch.zeros(1, shapes.latent_channels, 4, *shapes.latent_grid(asked.frame))
        step = counted(lambda: dit(noisy, torch.ones(1, 4), torch.arange(4.0), text, memory))
    assert step.flops == flops.section(asked).denoise_step > 1e12
    assert not step.gaps
