"""Going on from a memory: appending equals encoding the longer video, and section by section the same frames."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import TINY, TINY_SIZE, write_tiny

from bench.backbones.dit import VideoDiT
from bench.checkpoints.load import backbone, history
from bench.generation.prompts import nearest
from bench.generation.reference import Reference
from bench.generation.rollout import Rollout
from bench.generation.sampler import Sampler, Sight
from bench.memories.history_stream import HistoryStream
from bench.memories.tiny_history import HistoryMemory, TinyHistory
from bench.memories.withheld import Withheld
from bench.protocols import Memory
from bench.types import Continue, Frames, Prompt, Size
from runners.trial import synthetic_history

torch.set_num_threads(1)
BOARD = (Prompt(0.0, "a harbour"), Prompt(4.0, "a ship leaves"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    write_tiny(root)
    return root


@pytest.fixture(autouse=True)
def tiny(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(root))
    yield


def memory(frames: Frames, fps: float = 8.0, rate: str = "2x2x2") -> HistoryMemory:
    encoder = TinyHistory(rate=rate, continuable=True)
    encoder.begin(fps, Size(frames.shape[2], frames.shape[1]))
    encoder.write(frames)
    return encoder.from_bytes(encoder.finish().to_bytes())


def went_on(memory: Memory, seconds: float, *, seed: int = 0, **args: int) -> list[Frames]:
    return list(Reference(steps=1, **args).generate(memory, Continue(BOARD, seconds), seed=seed))


@pytest.mark.parametrize("rate", ["2x2x2", "1x1x1", "2x2x2+1x1x4"])
def test_appending_to_a_memory_equals_encoding_the_longer_video(rate: str) -> None:
    base = backbone()
    reader = history(f"history-{rate}", base)
    pixels = base.space.to_pixels(synthetic_history(45, TINY_SIZE))
    latents = base.space.encode(pixels)
    whole = HistoryStream(reader).append(pixels, latents)
    stream = HistoryStream(reader)
    first = stream.append(pixels[:, :, :29], latents[:, :, :8])
    for going_on, tolerance in ((stream.copy(), 1e-5), (HistoryStream.unpack(reader, stream.pack()), 2e-2)):
        second = going_on.append(pixels[:, :, 29:], latents[:, :, 8:])
        for one, before, after in zip(whole, first, second, strict=True):
            joined = torch.cat([before.tokens, after.tokens], dim=1)
            assert torch.equal(torch.cat([before.coordinates, after.coordinates]), one.coordinates)
            torch.testing.assert_close(joined, one.tokens, rtol=0, atol=tolerance)
        assert (going_on.frames, going_on.latents) == (45, 12)
    alone = HistoryStream(reader).append(pixels[:, :, 29:], latents[:, :, 8:])[0].tokens  # without what was before
    assert (alone[:, -1] - whole[0].tokens[:, -1]).abs().max() > 2e-2 or rate == "1x1x1"


def test_a_rollout_encodes_only_what_is_new_and_remembers_it() -> None:
    context = memory(synthetic_history(29, TINY_SIZE)).context()
    going = Rollout(context, Sampler(steps=1), window=0)
    before = going.tokens
    frames = going.section("a harbour", seed=0)
    assert frames.shape == (16, 32, 64, 3)
    assert torch.equal(going.tokens.tokens[:, : before.tokens.shape[1]], before.tokens)
    new = going.tokens.coordinates[before.tokens.shape[1] :, 0].unique().tolist()
    assert new == [8.5, 10.5]  # the history had latents 0 to 7
    assert context.past.latents == 8, "the memory itself was not changed"


@pytest.mark.parametrize("rate", ["2x2x2", "2x2x2+1x1x4"])
def test_a_block_that_was_filled_up_is_made_anew_when_the_video_goes_on(rate: str) -> None:
    context = memory(synthetic_history(25, TINY_SIZE), rate=rate).context()  # 7 latents: the last block has one of two
    going = Rollout(context, Sampler(steps=1), window=0)
    at = going.tokens.coordinates
    going.section("a harbour", seed=0)
    after = going.tokens.coordinates
    assert len(after.unique(dim=0)) == len(after), "no block is there twice"
    assert set(map(tuple, at.tolist())) <= set(map(tuple, after.tolist()))
    last = at[:, 0] == at[:, 0].max()
    kept = (going.tokens.tokens[:, : len(at)] - context.tokens.tokens).abs().amax(-1)[0] == 0
    assert not (kept & last).all()


def test_the_same_seed_gives_the_same_video_and_it_streams() -> None:
    kept = memory(synthetic_history(29, Size(40, 30)))
    sections = went_on(kept, 5.0)
    assert [len(section) for section in sections] == [16, 16, 8]
    assert sections[0].shape[1:] == (30, 40, 3)
    assert np.array_equal(np.concatenate(sections), np.concatenate(went_on(kept, 5.0)))
    assert not np.array_equal(sections[0], went_on(kept, 2.0, seed=1)[0])
    assert np.array_equal(sections[0], next(Reference(steps=1).generate(kept, Continue(BOARD, 99.0), seed=0)))


def test_a_faster_history_goes_on_at_its_own_rate() -> None:
    slow = went_on(memory(synthetic_history(29, TINY_SIZE)), 3.0)
    fast = np.concatenate(went_on(memory(np.repeat(synthetic_history(29, TINY_SIZE), 3, axis=0), fps=24.0), 3.0))
    assert len(fast) == 72
    assert np.array_equal(fast[::3], np.concatenate(slow))
    assert np.array_equal(fast[1::3], fast[::3])


def test_a_rollout_that_starts_from_nothing_begins_with_a_single_frame_latent() -> None:
    encoder = TinyHistory(rate="2x2x2")
    going = Rollout(encoder.nothing().context(), Sampler(steps=1), window=3)
    assert going.tokens is None
    assert [len(going.section("a ship", seed=0)) for _ in range(2)] == [13, 16]
    assert going.tokens.coordinates[:, 0].unique().tolist() == [0.5, 2.5, 4.5, 6.5]


def test_the_window_shows_the_last_latents_and_matters() -> None:
    kept = memory(synthetic_history(29, TINY_SIZE))
    sections = [went_on(kept, 2.0, window=window)[0] for window in (0, 1, 3)]
    assert not np.array_equal(sections[0], sections[1])
    assert not np.array_equal(sections[1], sections[2])


def test_the_prompt_matters_and_the_nearest_in_time_is_taken() -> None:
    assert [nearest(BOARD, at_s) for at_s in (0.0, 1.9, 2.0, 9.0)] == [BOARD[0].text] * 3 + [BOARD[1].text]
    context = memory(synthetic_history(29, TINY_SIZE)).context()
    frames = [Rollout(context, Sampler(steps=1), window=0).section(words, seed=0) for words in ("a dog", "rain")]
    assert not np.array_equal(*frames)


def test_withheld_remembers_nothing_of_the_history_nor_of_itself() -> None:
    control = Withheld(of="history", args={"rate": "2x2x2", "continuable": True})
    control.begin(8.0, TINY_SIZE)
    control.write(synthetic_history(29, TINY_SIZE))
    withheld = control.finish()
    assert [len(section) for section in went_on(withheld, 4.0)] == [13, 16, 3]
    going = Rollout(withheld.context(), Sampler(steps=1), window=3)
    going.section("a dog", seed=0)
    assert going.tokens is None


def test_noise_belongs_to_a_moment() -> None:
    sight = Sight(backbone().prompt(""))

    class Still(VideoDiT):
        def forward(self, noisy: torch.Tensor, *_: object) -> torch.Tensor:
            return torch.zeros_like(noisy)

    sampler = Sampler(steps=2)
    together = sampler.sample(Still(TINY), [3, 4, 5], (4, 8), sight, seed=1)
    alone = sampler.sample(Still(TINY), [4], (4, 8), sight, seed=1)
    assert torch.equal(together[:, :, 1:2], alone)
    assert abs(together.mean()) < 0.2
    assert abs(together.std() - 1) < 0.2


def test_the_sampler_lands_on_the_latents_when_the_velocity_is_right() -> None:
    """A network that knows the answer: `(x - latents) / sigma` is the velocity of the straight line to it."""
    target = torch.randn(1, 3, 2, 4, 8)

    class Knows(VideoDiT):
        def forward(self, noisy: torch.Tensor, sigma: torch.Tensor, *_: object) -> torch.Tensor:
            return (noisy - target) / sigma[:, None, :, None, None]

    for steps in (1, 5):
        found = Sampler(steps=steps).sample(Knows(TINY), [0, 1], (4, 8), Sight(backbone().prompt("")), seed=1)
        torch.testing.assert_close(found, target, rtol=0, atol=1e-4)
