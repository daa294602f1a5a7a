"""The DiT: sizes, positions, noise levels per group, and that memory and text are read."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from bench.backbones.attention import attend
from bench.backbones.config import Shapes, shapes
from bench.backbones.dit import LEFT_BY_GUESS, VideoDiT
from bench.backbones.lora import LoRALinear, add_lora, fold_lora, lora_state
from bench.backbones.memory_attention import reading_state
from bench.backbones.rate import Rate
from bench.backbones.rope import block_coordinates, frame_coordinates, oblique_rotation, rotate, rotation
from bench.backbones.text import MOST_BYTES, TextEncoder, to_bytes
from bench.backbones.tokens import MemoryTokens, TextTokens, block_tokens
from bench.errors import UsageError
from bench.training.backbone import start_reading

torch.set_num_threads(1)
SHAPES = Shapes("test", 32, 2, 2, 64, 24, vae_width=4, history_channels=(4, 8, 8, 16), latent_channels=3)


@pytest.fixture(params=[False, True], ids=["", "values rotated"])
def dit(request: pytest.FixtureRequest) -> VideoDiT:
    torch.manual_seed(0)
    return VideoDiT(replace(SHAPES, rotate_values=request.param)).eval()


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prompt(words: int = 3, seed: int = 2) -> TextTokens:
    return TextTokens(noise(2, words, 24, seed=seed), torch.ones(2, words, dtype=torch.bool))


def memory(seed: int = 3, first: int = 0) -> MemoryTokens:
    return block_tokens(noise(2, 8, 32, seed=seed), first, (2, 2, 2), Rate(2, 2, 2))


LATENTS, SIGMA, TIMES = noise(2, 3, 2, 4, 6), torch.tensor([[1.0, 0.5], [0.3, 0.3]]), torch.tensor([4.0, 9.0])


def test_the_paper_size_has_14_billion_parameters() -> None:
    with torch.device("meta"):
        dit = VideoDiT(shapes("wan-14b"))
    assert 13.5e9 < sum(weight.numel() for weight in dit.parameters()) < 14.5e9


@torch.no_grad()
def test_a_memory_at_another_place_or_of_other_content_changes_the_output(dit: VideoDiT) -> None:
    outputs = [
        dit(LATENTS, SIGMA, TIMES, prompt(), given) for given in (None, memory(), memory(seed=4), memory(first=5))
    ]
    assert all(output.shape == LATENTS.shape for output in outputs)
    for index, one in enumerate(outputs):
        for other in outputs[:index]:
            assert (one - other).abs().max() > 1e-4


@torch.no_grad()
def test_the_order_of_memory_tokens_does_not_matter_but_their_coordinates_do(dit: VideoDiT) -> None:
    given, order = memory(), torch.tensor([5, 2, 7, 0, 1, 3, 6, 4])
    shuffled = given.picked(order)
    expected = dit(LATENTS, SIGMA, TIMES, prompt(), given)
    torch.testing.assert_close(dit(LATENTS, SIGMA, TIMES, prompt(), shuffled), expected, rtol=0, atol=1e-5)
    misplaced = given._replace(tokens=given.tokens[:, order])
    assert (dit(LATENTS, SIGMA, TIMES, prompt(), misplaced) - expected).abs().max() > 1e-4


@torch.no_grad()
def test_only_distance_in_time_counts(dit: VideoDiT) -> None:
    """The same frames and the same memory, 100 latent frames later."""
    early = dit(LATENTS, SIGMA, TIMES, prompt(), memory())
    late = dit(LATENTS, SIGMA, TIMES + 100, prompt(), memory(first=50))
    torch.testing.assert_close(late, early, rtol=0, atol=1e-4)


@torch.no_grad()
def test_memory_is_a_clean_group(dit: VideoDiT) -> None:
    """A memory token at rate 1x1x1 that holds what the first layer makes of a frame acts as that frame at sigma 0."""
    frame = noise(2, 3, 1, 4, 6, seed=8)
    tokens = dit.first_layer(frame).flatten(2).transpose(1, 2)
    given = block_tokens(tokens, 3, (1, 2, 3), Rate(1, 1, 1))
    by_memory = dit(LATENTS, SIGMA, TIMES, prompt(), given)
    together = torch.cat([frame, LATENTS], dim=2), F.pad(SIGMA, (1, 0)), torch.tensor([3.0, 4.0, 9.0])
    torch.testing.assert_close(by_memory, dit(*together, prompt())[:, :, 1:], rtol=0, atol=1e-5)


@torch.no_grad()
def test_each_frame_has_its_own_noise_level(dit: VideoDiT) -> None:
    swapped = dit(LATENTS.flip(2), SIGMA.flip(1), TIMES.flip(0), prompt(), memory())
    torch.testing.assert_close(swapped.flip(2), dit(LATENTS, SIGMA, TIMES, prompt(), memory()), rtol=0, atol=1e-5)
    wrong = dit(LATENTS, SIGMA.flip(1), TIMES, prompt(), memory())
    assert (wrong - dit(LATENTS, SIGMA, TIMES, prompt(), memory()))[0].abs().max() > 1e-4


@torch.no_grad()
def test_text_is_read_and_padding_is_not(dit: VideoDiT) -> None:
    expected = dit(LATENTS, SIGMA, TIMES, prompt())
    assert (dit(LATENTS, SIGMA, TIMES, prompt(seed=5)) - expected).abs().max() > 1e-4
    padded = TextTokens(F.pad(prompt().tokens, (0, 0, 0, 2), value=9.0), F.pad(prompt().kept, (0, 2), value=False))
    torch.testing.assert_close(dit(LATENTS, SIGMA, TIMES, padded), expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_before_training_the_answer_is_the_best_linear_guess(dit: VideoDiT) -> None:
    torch.nn.init.zeros_(dit.last_layer.weight)
    torch.nn.init.zeros_(dit.last_layer.bias)
    clean, noisy = noise(2, 3, 40, 4, 6, seed=11), noise(2, 3, 40, 4, 6, seed=12)
    for level in (0.0, 0.3, 0.5, 1.0):
        x = (1 - level) * clean + level * noisy
        guess = dit(x, torch.full((2, 40), level), torch.arange(40.0), prompt())
        slope = (guess * x).sum() / x.square().sum()
        torch.testing.assert_close(guess, slope * x, rtol=0, atol=1e-4)
        least_squares = ((noisy - clean) * x).sum() / x.square().sum()  # on this very sample
        assert abs(float(slope - least_squares)) < 0.06


@torch.no_grad()
def test_the_best_linear_guess_is_one_for_each_channel_by_its_spread(dit: VideoDiT) -> None:
    torch.nn.init.zeros_(dit.last_layer.weight)
    torch.nn.init.zeros_(dit.last_layer.bias)
    dit.spreads[0] = torch.tensor([2.0, 0.5, 0.1])
    clean = noise(2, 3, 40, 4, 6, seed=11) * dit.spreads[0][:, None, None, None]
    noisy = noise(2, 3, 40, 4, 6, seed=12)
    x = 0.5 * clean + 0.5 * noisy
    guess = dit(x, torch.full((2, 40), 0.5), torch.arange(40.0), prompt())
    slopes = (guess * x).sum((0, 2, 3, 4)) / x.square().sum((0, 2, 3, 4))
    torch.testing.assert_close(guess, slopes[:, None, None, None] * x, rtol=0, atol=1e-4)
    least_squares = ((noisy - clean) * x).sum((0, 2, 3, 4)) / x.square().sum((0, 2, 3, 4))  # on this very sample
    torch.testing.assert_close(slopes, least_squares, rtol=0, atol=0.06)


@torch.no_grad()
def test_only_rotated_values_say_from_where_they_were_read(dit: VideoDiT) -> None:
    """With queries of zero every token looks everywhere alike, so places show in what is read or not at all."""
    attention = dit.blocks[0].attention
    torch.nn.init.zeros_(attention.query.weight)
    torch.nn.init.zeros_(attention.query.bias)
    x = noise(1, 4, 32)
    here, moved = (rotation(frame_coordinates(torch.tensor([at]), 2, 2), 16) for at in (0.0, 3.0))
    far, near = (
        attention(x, here, attention.key_value(noise(1, 4, 32, seed=5), positions)) for positions in (moved, here)
    )
    assert torch.equal(far, near) != dit.shapes.rotate_values


@torch.no_grad()
def test_oblique_waves_see_how_far_and_whereto() -> None:
    waves = torch.tensor([[[0.0, 0.5, 0.5], [0.0, 0.5, -0.5]]])  # of one head: its two pairs turn along two diagonals
    value = noise(1, 1, 1, 4).expand(1, 4, 1, 4)
    here = frame_coordinates(torch.tensor([2.0]), 2, 2)

    def seen(by: list[float]) -> torch.Tensor:
        shown = rotate(value, oblique_rotation(here + torch.tensor(by), waves))
        return rotate(shown, oblique_rotation(here, waves).back)

    torch.testing.assert_close(seen([0.0, 0.0, 0.0]), value)
    across = seen([0.0, 1.0, -1.0])  # the first pair turns along the other diagonal alone
    torch.testing.assert_close(across[..., [0, 2]], value[..., [0, 2]])
    assert not torch.allclose(across[..., [1, 3]], value[..., [1, 3]])
    assert not torch.allclose(seen([0.0, 1.0, 1.0]), seen([0.0, -1.0, -1.0]))
    torch.testing.assert_close(seen([9.0, 0.0, 0.0]), value)  # and no time


@pytest.fixture
def guessing() -> VideoDiT:
    torch.manual_seed(0)
    dit = VideoDiT(replace(SHAPES, first_guess=64)).eval()
    assert dit.first_guess is not None
    torch.nn.init.normal_(dit.first_guess.out.weight)
    return dit


@torch.no_grad()
def test_a_first_guess_is_linear_in_the_block_that_covers_a_place(guessing: VideoDiT) -> None:
    times, given = torch.arange(2.0), block_tokens(noise(1, 4, 32), 0, (1, 2, 2), Rate(2, 2, 2))
    guess = guessing.guess(given, times, 4, 4)
    assert guess.shape == (1, 3, 2, 8, 8)
    torch.testing.assert_close(guessing.guess(given._replace(tokens=3 * given.tokens), times, 4, 4), 3 * guess)
    other = given.tokens.clone()
    other[:, 0] += noise(1, 32, seed=2)  # the block at the top left
    change = (guessing.guess(given._replace(tokens=other), times, 4, 4) - guess).abs()
    assert float(change[..., 4:, :].max()) < 0.2 * float(change[..., :4, :4].max())
    assert float(change[..., :4, 4:].max()) < 0.2 * float(change[..., :4, :4].max())
    assert float(change[..., :2, :2].min()) > 0
    assert float((change[..., :2, :2] - change[..., 2:4, 2:4]).abs().max()) > 0.1  # every place has a part of its own
    after = guessing.guess(given, times + 2, 4, 4)  # no block covers these frames
    torch.testing.assert_close(after, torch.zeros_like(after))
    unknown = guessing.unknown(given, times + 1)
    torch.testing.assert_close(unknown, torch.tensor([[LEFT_BY_GUESS, 1.0]]).expand(3, 2))


@torch.no_grad()
def test_a_guess_that_is_right_is_the_answer_to_pure_noise(guessing: VideoDiT) -> None:
    torch.nn.init.zeros_(guessing.last_layer.weight)
    torch.nn.init.zeros_(guessing.last_layer.bias)
    latents = guessing.guess(memory(), TIMES, 2, 3)
    guess = noise(*latents.shape) - guessing(noise(*latents.shape), torch.ones(2, 2), TIMES, prompt(), memory())
    torch.testing.assert_close(guess, latents)
    nothing = guessing(noise(*latents.shape), torch.ones(2, 2), TIMES, prompt())
    torch.testing.assert_close(nothing, noise(*latents.shape))


@torch.no_grad()
def test_attention_starts_with_what_is_near() -> None:
    dit = VideoDiT(shapes("nano"))
    start_reading(dit)
    attention, nothing = dit.blocks[0].attention, torch.zeros(1, 60, 192)
    positions = dit._rotation(frame_coordinates(torch.tensor([2.0]), 6, 10))
    query = rotate(attention.norm_query(attention.query(nothing)).unflatten(-1, (4, -1)), positions)
    scores = torch.einsum("bqhc,bkhc->hqk", query, attention.key_value(nothing, positions).key)
    assert bool((scores.argmax(-1) == torch.arange(60)).all())
    ahead = scores[:, 0, 0] - scores[:, 0, 1]
    assert bool((ahead > 0.02 * scores[:, 0, 0]).all())
    assert bool((ahead.diff() > 0).all())  # the last head looks the nearest


@pytest.mark.parametrize("others", [7, 40])
def test_attention_is_the_same_when_it_is_learned_from(others: int) -> None:
    """The plain products that train on a CPU, and PyTorch's kernel that answers."""
    query, key, value = noise(2, 5, 3, 8), noise(2, others, 3, 8, seed=2), noise(2, others, 3, 8, seed=3)
    kernel = attend(query, key, value)
    plain = attend(query.requires_grad_(), key, value)
    assert torch.allclose(plain, kernel, atol=1e-6)
    plain.square().sum().backward()
    assert query.grad is not None
    ours, query.grad = query.grad, None
    attend(query, key, value, torch.ones(2, 1, 1, others, dtype=torch.bool)).square().sum().backward()
    assert torch.allclose(ours, query.grad, atol=1e-5)


def test_unpatchify_undoes_patchify(dit: VideoDiT) -> None:
    channel, rows, columns = 3, 2, 2
    patches = F.unfold(LATENTS[:, :, 0], (rows, columns), stride=(rows, columns))  # [batch, c*r*s, tokens]
    tokens = patches.unflatten(1, (channel, rows, columns)).permute(0, 4, 2, 3, 1).flatten(2)
    assert torch.equal(dit._unpatchify(tokens, 1, 2, 3), LATENTS[:, :, :1])


def test_rotation_depends_on_distance_and_keeps_length() -> None:
    query, key = noise(1, 1, 1, 128), noise(1, 1, 1, 128, seed=2)

    def turn(x: torch.Tensor, at: list[float]) -> torch.Tensor:
        return rotate(x, rotation(torch.tensor([at], dtype=torch.float32), 128))

    def product(at: list[float], to: list[float]) -> float:
        return float((turn(query, at) * turn(key, to)).sum())

    assert product([3, 4, 5], [1, 1, 1]) == pytest.approx(product([1002, 13.5, 9], [1000, 10.5, 5]), abs=1e-3)
    for axis in range(3):
        moved = [1.0, 1.0, 1.0]
        moved[axis] += 1
        assert abs(product([1, 1, 1], moved) - product([1, 1, 1], [1, 1, 1])) > 1e-3
    assert turn(query, [5, 6, 7]).norm().item() == pytest.approx(query.norm().item(), rel=1e-5)


def test_block_centres_are_the_mean_of_the_tokens_they_cover() -> None:
    rate = Rate(height=3, width=2, time=4)
    fine = frame_coordinates(torch.arange(8.0), 6, 6).unflatten(0, (2, 4, 2, 3, 3, 2))
    centres = fine.mean(dim=(1, 3, 5)).flatten(0, 2)
    torch.testing.assert_close(block_coordinates(0, (2, 2, 3), rate), centres)
    torch.testing.assert_close(block_coordinates(1, (1, 2, 3), rate), centres[6:])


@torch.no_grad()
def test_a_prompt_is_encoded_alike_alone_and_in_a_batch() -> None:
    torch.manual_seed(0)
    encoder = TextEncoder(SHAPES).eval()
    alone = encoder(to_bytes(["été"]))
    batch = encoder(to_bytes(["été", "a longer prompt", ""]))
    torch.testing.assert_close(batch.tokens[:1, : alone.tokens.shape[1]], alone.tokens, rtol=0, atol=1e-5)
    assert batch.kept.sum(1).tolist() == [6, 16, 1]
    assert to_bytes(["x" * 999]).shape == (1, 1 + MOST_BYTES)


def test_lora_changes_nothing_at_first_trains_alone_and_folds_away(dit: VideoDiT) -> None:
    blocks, before = dit.blocks, dit(LATENTS, SIGMA, TIMES, prompt(), memory()).detach()
    names = list(dit.state_dict())
    add_lora(blocks, rank=4, alpha=8)
    torch.testing.assert_close(dit(LATENTS, SIGMA, TIMES, prompt(), memory()), before)
    trained = {name for name, weight in blocks.named_parameters() if weight.requires_grad}
    assert trained == set(lora_state(blocks))
    assert len(trained) == 2 * 2 * 10, "two matrices, two blocks, eight projections and two layers of the MLP"
    for module in blocks.modules():
        if isinstance(module, LoRALinear):
            torch.nn.init.normal_(module.up.weight, std=0.02)
    adapted = dit(LATENTS, SIGMA, TIMES, prompt(), memory())
    assert (adapted - before).abs().max() > 1e-4
    fold_lora(blocks)
    assert list(dit.state_dict()) == names
    torch.testing.assert_close(dit(LATENTS, SIGMA, TIMES, prompt(), memory()), adapted, rtol=0, atol=1e-5)


@torch.no_grad()
def test_an_isolated_memory_is_full_attention_with_a_mask(dit: VideoDiT, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory's tokens look at each other; frames look at everything: written as one mask over the sequence."""
    given = memory()
    count, every = given.tokens.shape[1], given.tokens.shape[1] + 2 * 2 * 3
    isolated = VideoDiT(dit.shapes, isolated_memory=True)
    isolated.load_state_dict(dit.state_dict())
    found = isolated(LATENTS, SIGMA, TIMES, prompt(), given)
    assert (found - dit(LATENTS, SIGMA, TIMES, prompt(), given)).abs().max() > 1e-4
    allowed = torch.ones(every, every, dtype=torch.bool)
    allowed[:count, count:] = False

    full = F.scaled_dot_product_attention
    monkeypatch.setattr(
        "bench.backbones.dit.attend",
        lambda query, key, value, mask=None: (
            full(
                *(part.transpose(1, 2) for part in (query, key, value)),
                attn_mask=allowed if key.shape[1] == every else mask,
            )
            .transpose(1, 2)
            .flatten(-2)
        ),
    )
    torch.testing.assert_close(found, dit(LATENTS, SIGMA, TIMES, prompt(), given), rtol=0, atol=1e-5)


@pytest.mark.parametrize("reading", [False, True])
def test_kept_keys_and_values_give_the_same_at_every_step(dit: VideoDiT, reading: bool) -> None:
    isolated = VideoDiT(dit.shapes, isolated_memory=True)
    isolated.load_state_dict(dit.state_dict())
    if reading:
        isolated.add_memory_attention()
        for block in isolated.blocks:
            torch.nn.init.normal_(block.read_memory.out.weight, std=0.2)
    given = memory()
    given.tokens.requires_grad_()
    cache = isolated.remember(given, prompt())
    assert len(cache.layers) == SHAPES.layers
    for sigma in (SIGMA, 0.5 * SIGMA):
        cached = isolated(LATENTS, sigma, TIMES, prompt(), cache)
        assert torch.equal(cached, isolated(LATENTS, sigma, TIMES, prompt(), given))
    (gradient,) = torch.autograd.grad(cached.square().sum(), given.tokens)
    assert (gradient.abs().sum(-1) > 0).all(), "the encoder learns through what is kept"
    with pytest.raises(ValueError, match="isolated_memory"):
        dit.remember(given, prompt())


def test_attention_of_its_own_begins_at_nothing_and_then_reads_the_memory(dit: VideoDiT) -> None:
    names = set(dit.state_dict())
    before = dit(LATENTS, SIGMA, TIMES, prompt(), memory())
    dit.add_memory_attention()
    torch.testing.assert_close(dit(LATENTS, SIGMA, TIMES, prompt(), memory()), before, rtol=0, atol=0)
    assert set(dit.state_dict()) - names == set(reading_state(dit))
    assert len(reading_state(dit)) == SHAPES.layers * 7
    dit(LATENTS, SIGMA, TIMES, prompt(), memory()).square().sum().backward()
    assert all(block.read_memory.out.weight.grad.any() for block in dit.blocks)
    for block in dit.blocks:
        torch.nn.init.normal_(block.read_memory.out.weight, std=0.2)
    dit.zero_grad()
    with torch.no_grad():
        outputs = [dit(LATENTS, SIGMA, TIMES, prompt(), given) for given in (memory(), memory(first=5), None)]
        assert (outputs[0] - before).abs().max() > 1e-4
        assert (outputs[0] - outputs[1]).abs().max() > 1e-4
    dit(LATENTS, SIGMA, TIMES, prompt(), memory()).square().sum().backward()
    silent = [name for name, weight in dit.named_parameters() if "read_memory" in name and not weight.grad.any()]
    assert silent == []
    early = dit(LATENTS, SIGMA, TIMES, prompt(), memory())
    torch.testing.assert_close(dit(LATENTS, SIGMA, TIMES + 100, prompt(), memory(first=50)), early, rtol=0, atol=1e-4)


def test_latents_that_patches_do_not_cover_are_refused(dit: VideoDiT) -> None:
    with pytest.raises(UsageError, match="multiples of 16 pixels"):
        dit(noise(2, 3, 2, 5, 6), SIGMA, TIMES, prompt())


@torch.no_grad()
def test_half_precision_gives_about_the_same(dit: VideoDiT) -> None:
    expected = dit(LATENTS, SIGMA, TIMES, prompt(), memory())
    half = torch.bfloat16
    text = TextTokens(prompt().tokens.to(half), prompt().kept)
    output = dit.to(half)(LATENTS.to(half), SIGMA, TIMES, text, memory())
    assert output.dtype == half
    assert (output.float() - expected).abs().max() < 0.1 * expected.abs().max()
