"""The memory of tokens and the ceiling of latents, on tiny checkpoints with random weights: plumbing, not quality."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_checkpoints import TINY_SIZE, write_backbone, write_history, write_tiny

from bench.checkpoints.history_args import HistoryArgs
from bench.checkpoints.load import backbone, history, space
from bench.errors import KeepframeError, UnavailableError, UsageError
from bench.generation.reference import Reference
from bench.memories.history_low import low_video
from bench.memories.latents import Latents
from bench.memories.shuffled import Shuffled
from bench.memories.tiny_history import HistoryMemory, TinyHistory
from bench.memories.withheld import Withheld
from bench.types import Continue, Frames, Prompt, Recall, Size
from runners.contract import check_encoder
from runners.trial import synthetic_history

torch.set_num_threads(1)
FPS = 8.0
SIZE = Size(64, 48)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    write_tiny(root)
    return root


@pytest.fixture(autouse=True)
def tiny(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(root))
    yield


def encoded(encoder: Any, frames: Frames, fps: float = FPS, chunk: int = 5) -> Any:
    encoder.begin(fps, Size(frames.shape[2], frames.shape[1]))
    for start in range(0, len(frames), chunk):
        encoder.write(frames[start : start + chunk])
    return encoder.finish()


def recalled(memory: Any, at_s: tuple[float, ...], seed: int = 0, **args: Any) -> Frames:
    return np.concatenate(list(Reference(steps=2, **args).generate(memory, Recall(at_s), seed=seed)))


@pytest.mark.parametrize("args", [{"rate": "2x2x2+1x1x4"}, {"rate": "2x2x2", "variant": "only-lr"}])
def test_the_contract_holds_for_a_memory_of_tokens(args: dict[str, str]) -> None:
    checks = check_encoder(lambda: TinyHistory(**args), Reference(steps=1))
    assert [(check.name, check.detail) for check in checks if check.passed is False] == []
    assert {check.name for check in checks if check.passed is None} == {"order"}


def test_the_contract_holds_for_the_ceiling_and_the_controls() -> None:
    for make in (Latents, lambda: Shuffled(of="history", args={"rate": "2x2x2"})):
        checks = check_encoder(make, Reference(steps=1))
        assert [(check.name, check.detail) for check in checks if check.passed is False] == []


@pytest.mark.parametrize(("frames", "latents"), [(1, 1), (2, 2), (5, 2), (6, 3), (40, 11)])
def test_tokens_cover_the_history_to_its_last_frame(frames: int, latents: int) -> None:
    memory = encoded(TinyHistory(rate="2x2x2"), synthetic_history(frames, SIZE))
    blocks = (latents + 1) // 2
    assert memory.tokens == blocks * 1 * 2  # 2x4 tokens a latent frame at 2x2
    assert memory.floats == memory.tokens * 32
    assert len(memory.to_bytes()) == 22 + 12 + 2 * memory.floats


@torch.no_grad()
def test_tokens_are_those_of_the_networks_on_the_whole_history_at_once() -> None:
    """As training has it: the whole video through the VAE, its small copy as well, and both through φ."""
    reader = history("history-2x2x2", backbone())
    latent, encoder = reader.backbone.space, reader.encoders[0]
    frames = synthetic_history(45, TINY_SIZE)
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    low = low_video(pixels, 0, encoder.shapes, encoder.rate)
    high, small = (latent.encode(video) for video in (pixels, low))
    expected = encoder(high, small, reader.dit.first_layer)
    found = encoded(TinyHistory(rate="2x2x2"), frames, chunk=4).context().tokens
    assert torch.equal(found.coordinates, expected.coordinates)
    # bytes hold float16, and the VAE computes in bfloat16, where cutting a video differently rounds differently
    torch.testing.assert_close(found.tokens, expected.tokens, rtol=0, atol=2e-2)
    assert expected.tokens.std() > 0.1


def test_two_encoders_hold_the_tokens_of_each() -> None:
    both = encoded(TinyHistory(rate="2x2x2+1x1x4"), synthetic_history(16, SIZE))
    assert both.tokens == 4 * 2 + 2 * 8  # 5 latents filled up to 8, which both rates divide
    places = both.context().tokens.coordinates[:, 0].unique().tolist()
    assert places == [0.5, 1.5, 2.5, 4.5, 5.5, 6.5]


def test_a_slow_history_keeps_its_frames_and_a_fast_one_every_third() -> None:
    fast = synthetic_history(48, SIZE)
    assert (
        encoded(TinyHistory(rate="2x2x2"), fast, fps=24.0).parts
        == encoded(TinyHistory(rate="2x2x2"), fast[::3], fps=8.0).parts
        == encoded(TinyHistory(rate="2x2x2"), fast[::3], fps=2.0).parts
    )


def test_the_bytes_come_back_as_the_same_memory() -> None:
    memory = encoded(TinyHistory(rate="2x2x2", continuable=True), synthetic_history(20, SIZE))
    again = TinyHistory(rate="2x2x2").from_bytes(memory.to_bytes())
    assert isinstance(again, HistoryMemory)
    assert (again.header, again.parts, again.state) == (memory.header, memory.parts, memory.state)
    assert again.to_bytes() == memory.to_bytes()


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    memory = encoded(TinyHistory(rate="2x2x2"), synthetic_history(20, SIZE))
    first = recalled(memory, (0.0, 1.0), seed=3)
    assert first.shape == (2, 48, 64, 3)
    assert np.array_equal(first, recalled(memory, (0.0, 1.0), seed=3))
    assert not np.array_equal(first, recalled(memory, (0.0, 1.0), seed=4))


@pytest.mark.parametrize("run", [1, 2, 4])
def test_a_moment_gets_the_same_answer_alone_and_among_others(run: int) -> None:
    memory = encoded(TinyHistory(rate="2x2x2"), synthetic_history(30, SIZE))
    moments = tuple(index / FPS for index in (0, 29, 4, 5, 8, 9, 4))
    together = recalled(memory, moments, run=run)
    for place, moment in enumerate(moments):
        assert np.array_equal(recalled(memory, (moment,), run=run)[0], together[place])


def test_declared_moments_change_the_memory_and_only_once() -> None:
    frames = synthetic_history(30, SIZE)
    encoder = TinyHistory(rate="2x2x2")
    plain = encoded(encoder, frames).to_bytes()
    encoder.declare((1.0, 30 / FPS))
    declared = encoded(encoder, frames, chunk=7).to_bytes()
    assert declared != plain
    assert encoded(encoder, frames).to_bytes() == plain
    encoder.declare((1.0, 29 / FPS))  # the end of the history is its last frame
    assert encoded(encoder, frames, chunk=30).to_bytes() == declared
    encoder.declare((2.0,))
    assert encoded(encoder, frames).to_bytes() != declared


def test_a_mask_leaves_what_was_asked_for_and_mixes_the_rest() -> None:
    from bench.memories.history_stream import Mask

    latents = torch.randn(1, 3, 6, 4, 8)
    masked = Mask(frozenset({5}), 0.6).apply(latents, 0, 1, branch=0)
    assert torch.equal(masked[:, :, 5], latents[:, :, 5])
    noise = (masked - 0.4 * latents)[:, :, :5] / 0.6
    assert abs(noise.std() - 1) < 0.2
    parts = [Mask(frozenset({5}), 0.6).apply(latents[:, :, place : place + 2], place, 1, 0) for place in (0, 2, 4)]
    assert torch.equal(torch.cat(parts, 2), masked)
    low = Mask(frozenset({5}), 0.6).apply(latents[:, :, :3], 0, 2, branch=1)  # block 2 is latents 4 and 5
    assert [torch.equal(low[:, :, index], latents[:, :, index]) for index in range(3)] == [False, False, True]


def test_withheld_gives_the_generator_no_token_and_is_the_same_for_every_history() -> None:
    one, other = synthetic_history(20, SIZE), 255 - synthetic_history(20, SIZE)
    make = Withheld(of="history", args={"rate": "2x2x2"})
    memories = [encoded(make, one), encoded(make, other)]
    assert memories[0].to_bytes() == memories[1].to_bytes()
    assert memories[0].tokens == 0
    answers = [recalled(memory, (1.0,)) for memory in memories]
    assert np.array_equal(*answers)
    assert not np.array_equal(answers[0], recalled(encoded(TinyHistory(rate="2x2x2"), one), (1.0,)))
    assert (memories[0].recall((1.0,)) == 128).all()


def test_shuffled_asks_for_other_moments() -> None:
    frames = synthetic_history(48, SIZE)
    plain = encoded(TinyHistory(rate="2x2x2"), frames)
    control = Shuffled(of="history", args={"rate": "2x2x2"})
    shuffled = control.from_bytes(encoded(control, frames).to_bytes())
    moments = (0.5, 3.0, 5.0)
    assert shuffled.tokens == plain.tokens
    assert not set(shuffled.asked(moments)) & set(moments)
    assert np.array_equal(recalled(shuffled, moments), recalled(plain, tuple(shuffled.asked(moments))))
    assert encoded(Shuffled(of="latents"), frames).recall(moments).shape == (3, 48, 64, 3)


def test_the_ceiling_is_the_round_trip_of_the_vae() -> None:
    frames = synthetic_history(13, TINY_SIZE)
    memory = encoded(Latents(), frames)
    assert memory.floats == 4 * 3 * 4 * 8
    assert memory.tokens == 4 * 2 * 4
    vae = space()
    trip = vae.to_frames(vae.decode(vae.encode(vae.to_pixels(frames))))
    again = Latents().from_bytes(memory.to_bytes()).recall(tuple(index / FPS for index in range(13)))
    off = np.abs(again.astype(int) - trip)
    assert off.mean() < 0.5 and off.max() <= 12  # latents were rounded to float16, frames computed in bfloat16


def test_damaged_and_foreign_bytes_are_errors(tmp_path: Path) -> None:
    for make in (lambda: TinyHistory(rate="2x2x2"), Latents):
        data = encoded(make(), synthetic_history(12, SIZE)).to_bytes()
        for wrong in (b"", data[:-1], data[:20], data + b"x", b"\x00" * 200):
            with pytest.raises(KeepframeError):
                make().from_bytes(wrong)
    data = encoded(TinyHistory(rate="2x2x2"), synthetic_history(12, SIZE)).to_bytes()
    with pytest.raises(KeepframeError, match="made by the weights"):
        TinyHistory(rate="1x1x1").from_bytes(data)


def test_calls_out_of_order_and_moments_outside_are_errors() -> None:
    for make in (lambda: TinyHistory(rate="2x2x2"), Latents):
        encoder = make()
        with pytest.raises(KeepframeError, match="begin"):
            encoder.write(synthetic_history(1, SIZE))
        encoder.begin(FPS, SIZE)
        with pytest.raises(KeepframeError, match="no frames"):
            encoder.finish()
    memory = encoded(TinyHistory(rate="2x2x2"), synthetic_history(4, SIZE))
    for moment in (-0.1, 0.6, float("nan")):
        with pytest.raises(KeepframeError, match=r"history of 0\.5 s"):
            recalled(memory, (moment,))


def test_wrong_weights_and_arguments_are_said(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="not a rate"):
        TinyHistory(rate="4x4")
    with pytest.raises(UnavailableError, match=r"no weights at .*(?s:.*)keepframe train stage1(?s:.*)Did you mean"):
        TinyHistory(rate="2x2x3")
    with pytest.raises(KeepframeError, match="trained at 1x1x1 as 'proposed', not at 2x2x2"):
        TinyHistory(rate="2x2x2", checkpoint="history-1x1x1")
    with pytest.raises(UsageError, match="holds a vae, not a history"):
        TinyHistory(rate="2x2x2", checkpoint=str(root / "nano" / "vae.safetensors"))
    with pytest.raises(KeepframeError, match="run = 5"):
        Reference(run=5)

    folder = tmp_path / "nano"
    parents = write_backbone(folder)
    write_history(folder, "history-4x4x2", HistoryArgs("4x4x2"), parents)
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(tmp_path))
    with pytest.raises(UsageError, match="leaves no token: frames of 64x32 are only 2x4 tokens"):
        TinyHistory(rate="4x4x2").begin(FPS, SIZE)
    write_backbone(folder, seed=7)  # trained again: φ does not belong to it
    write_history(folder, "history-2x2x2", HistoryArgs("2x2x2"), parents)
    with pytest.raises(KeepframeError, match="trained on top of other weights"):
        TinyHistory(rate="2x2x2").begin(FPS, SIZE)
    monkeypatch.setenv("KEEPFRAME_CHECKPOINTS", str(tmp_path / "empty"))
    for make in (TinyHistory, Latents):
        with pytest.raises(UnavailableError, match=r"random ones never stand in for them(?s:.*)keepframe train"):
            make()


def test_what_cannot_be_read_or_gone_on_from_is_said_before_the_first_frame() -> None:
    from bench.memories.last_frame import LastFrame

    on = Continue((Prompt(0.0, "a dog"),), 2.0)
    with pytest.raises(UsageError, match="no tokens"):
        Reference().generate(encoded(LastFrame(), synthetic_history(5, SIZE)), Recall((0.0,)), seed=0)
    memory = encoded(TinyHistory(rate="2x2x2"), synthetic_history(5, SIZE))
    with pytest.raises(UsageError, match="continuable = true"):
        Reference().generate(memory, on, seed=0)
    shuffled = encoded(Shuffled(of="history", args={"rate": "2x2x2", "continuable": True}), synthetic_history(5, SIZE))
    with pytest.raises(UsageError, match="no state to go on from"):
        Reference().generate(shuffled, on, seed=0)
    memory = encoded(TinyHistory(rate="2x2x2", continuable=True), synthetic_history(5, SIZE))
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="no video"):
            Reference().generate(memory, Continue(on.storyboard, seconds), seed=0)
    with pytest.raises(UsageError, match="not after the one before"):
        Reference().generate(memory, Continue((Prompt(2.0, "a"), Prompt(1.0, "b")), 2.0), seed=0)


def test_weights_are_part_of_the_address() -> None:
    weights = TinyHistory(rate="2x2x2").weights()
    assert set(weights) == {"history", "vae", "dit"}
    assert weights != TinyHistory(rate="1x1x1").weights()
    assert Withheld(of="history", args={"rate": "2x2x2"}).weights() == weights
    assert Withheld(of="keyframes").weights() == {}
