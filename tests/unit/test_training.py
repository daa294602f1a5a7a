"""Training on drawn clips, small enough for a test: what is learned, what is resumed, what is refused."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbones.causal import Stream
from bench.backbones.config import shapes
from bench.backbones.dit import VideoDiT
from bench.backbones.rate import Rate
from bench.backbones.tokens import TextTokens
from bench.backbones.vae import VideoVAE
from bench.checkpoints.about import read_about
from bench.checkpoints.files import load
from bench.checkpoints.latents import LatentSpace
from bench.errors import KeepframeError, UsageError
from bench.memories.history import HistoryEncoder, LargePatchifier, Variant
from bench.training.continuation import SECTION
from bench.training.flow import evened, flow_loss
from bench.training.frame_query import masked
from bench.training.guessing import GuessLearner, dense_encoders
from bench.training.latents import Segment, pixel_weights
from bench.training.loop import NotFiniteError, Recipe, train
from bench.training.memory import Memory
from bench.training.principal import start_principal
from bench.training.recipes import train_dit, train_stage_one, train_stage_two, train_vae
from bench.training.vae import Crops, start_linear, to_tensor
from bench.training.video import Video
from bench.training.windows import Alternating, Plan, Windows
from bench.training.workplace import Workplace
from bench.types import Size
from bench.video.procedural import write_set

SMALL = Recipe(steps=2, batch=2, learning_rate=1e-3, warmup=1, precision="no", save_every=1, validate_every=2)


class Line(nn.Module):
    """Learns y = 3 x from noisy numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x = batch["x"] + 0.1 * torch.randn(batch["x"].shape)
        return ((self.weight * x - 3 * batch["x"]) ** 2).mean(), {}


class Numbers(torch.utils.data.Dataset[dict[str, Tensor]]):
    def __init__(self, poison_at: int = -1) -> None:
        self.poison_at = poison_at

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        x = torch.randn(4, generator=torch.Generator().manual_seed(index))
        return {"x": x * float("nan") if index == self.poison_at else x}


def silent(step: int, steps: int, what: str) -> None:
    del step, steps, what


def losses(folder: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def test_a_killed_training_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    recipe = Recipe(steps=12, batch=1, learning_rate=0.1, warmup=2, precision="no", save_every=5, validate_every=100)

    def run(folder: Path, kill_at: int | None = None) -> Line:
        line = Line()

        def report(step: int, steps: int, what: str) -> None:
            if step == kill_at:
                raise KeyboardInterrupt

        train(line, Numbers(), lambda model: {}, recipe, folder, report)
        return line

    whole = run(tmp_path / "whole")
    for kill_at in (3, 8, 11):  # before the first checkpoint, between two, after the second
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", kill_at)
    resumed = run(tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert [step for step, _ in losses(tmp_path / "whole")] == list(range(1, 13))
    assert torch.equal(resumed.weight, whole.weight)


def test_a_session_stops_in_time_and_the_next_goes_on(tmp_path: Path) -> None:
    recipe = Recipe(steps=3, batch=1, learning_rate=0.1, precision="no", minutes=0.0)
    steps = [train(Line(), Numbers(), lambda model: {}, recipe, tmp_path, silent).step for _ in range(3)]
    assert steps == [1, 2, 3]


def test_a_loss_that_is_no_number_ends_it_and_nothing_is_saved_after(tmp_path: Path) -> None:
    recipe = Recipe(steps=9, batch=1, learning_rate=0.1, precision="no", save_every=3)
    with pytest.raises(NotFiniteError, match="loss is nan at step 4"):
        train(Line(), Numbers(poison_at=4), lambda model: {}, recipe, tmp_path, silent)
    assert {json.loads(path.read_text())["step"] for path in tmp_path.glob("state-*/done.json")} == {3}


def test_another_recipe_does_not_go_on_with_this_one(tmp_path: Path) -> None:
    recipe = Recipe(steps=1, batch=1, learning_rate=0.1, precision="no")
    train(Line(), Numbers(), lambda model: {}, recipe, tmp_path, silent)
    with pytest.raises(UsageError, match=r"learning_rate 0\.1 -> 0\.2"):
        train(Line(), Numbers(), lambda model: {}, replace(recipe, learning_rate=0.2), tmp_path, silent)


def test_the_mask_leaves_the_asked_frames_and_hides_all_others() -> None:
    latents, low = torch.ones(2, 16, 6, 4, 4), torch.ones(2, 16, 3, 2, 2)
    shown, small = masked(latents, low, 3, 4, per_block=2)
    changed = [bool((shown[:, :, frame] != 1).all()) for frame in range(6)]
    assert changed == [True, True, True, False, True, True]
    assert [bool((small[:, :, block] != 1).all()) for block in range(3)] == [True, False, True]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Two drawn clips of four seconds, at a size that has one block of 4x4 tokens."""
    folder = tmp_path_factory.mktemp("training")
    write_set(folder / "clips", kinds=("slow-pan",), seeds=range(2), size=Size(128, 128), fps=8, seconds=4.0)
    return Workplace((folder / "clips",), folder / "work", folder / "weights", lambda *_: None, size=Size(64, 64))


@pytest.fixture(scope="module")
def trained(place: Workplace) -> Workplace:
    """With a VAE and a DiT, also where another worker took the test that trains the whole chain."""
    if not (place.weights / "dit.safetensors").exists():
        train_vae(place, SMALL)
        train_dit(place, SMALL)
    return place


def test_the_vae_starts_as_the_best_linear_codec(place: Workplace) -> None:
    crops = Crops(place.videos(), 4, 0)
    vae = VideoVAE(shapes("nano"))
    start_linear(vae, crops, batches=4)
    frames = crops[0]["frames"]
    with torch.no_grad():
        error = (vae.decode(vae.encode(frames).mean) - frames).square().mean()
    blocks = (
        frames[:, :, 1:]
        .unfold(2, 4, 4)
        .unfold(3, 8, 8)
        .unfold(4, 8, 8)
        .permute(0, 2, 3, 4, 1, 5, 6, 7)
        .reshape(-1, 768)
    )
    flat = (blocks - blocks.mean(0)).square().mean()
    assert error < 0.2 * flat  # sixteen numbers of 768 hold most of it


def test_the_whole_chain_trains_and_its_checkpoints_know_their_parents(place: Workplace) -> None:
    vae = train_vae(place, SMALL)
    dit = train_dit(place, SMALL)
    one = train_stage_one(place, SMALL, Memory("2x2x2"))
    two = train_stage_two(place, SMALL, Memory("2x2x2"))
    frozen = train_stage_two(place, SMALL, Memory("2x2x2", frozen=True))
    assert all(ended.done for ended in (vae, dit, one, two, frozen))
    names = {path.stem for path in place.weights.glob("*.safetensors")}
    assert names == {"vae", "dit", "history-2x2x2", "history-2x2x2-ar", "history-2x2x2-ar-frozen"}
    assert all((place.weights / f"{name}.md").is_file() for name in names)
    about = read_about(place.weights / "history-2x2x2-ar.safetensors")
    assert set(about.parents) == {"vae", "dit", "stage-one"}
    assert (about.args["rate"], about.args["stage"]) == ("2x2x2", 2)
    before, _ = load(place.weights / "history-2x2x2.safetensors")
    free, _ = load(place.weights / "history-2x2x2-ar.safetensors")
    kept, _ = load(place.weights / "history-2x2x2-ar-frozen.safetensors")
    encoder = [name for name in before if name.startswith("encoder.")]
    assert all(torch.equal(before[name], kept[name]) for name in encoder)
    assert any(not torch.equal(before[name], free[name]) for name in encoder)


def test_an_encoder_starts_with_what_the_first_guess_reads(trained: Workplace, tmp_path: Path) -> None:
    other = replace(trained, weights=tmp_path, work=tmp_path / "work")
    for name in ("vae", "dit"):
        (tmp_path / f"{name}.safetensors").write_bytes((trained.weights / f"{name}.safetensors").read_bytes())
    tensors, about = load(tmp_path / "dit.safetensors")
    assert not any(name.startswith("dense.") for name in tensors)
    assert "steps of the first guess alone" in about.training["note"]
    train_stage_one(other, SMALL, Memory("2x2x2"))
    assert [step for step, _ in losses(tmp_path / "work" / "history-2x2x2-start")] == [1, 2, 3, 4, 5, 6]
    train_stage_one(other, SMALL, Memory("2x2x2", Variant.ONLY_LOW))  # has nothing to learn
    assert not (tmp_path / "work" / "history-2x2x2-only-lr-start").exists()


def steps(learner: GuessLearner, batch: dict[str, Tensor], count: int) -> float:
    optimizer = torch.optim.Adam([weight for weight in learner.parameters() if weight.requires_grad], 3e-3)
    for _ in range(count):
        loss, _ = learner(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def test_a_guess_is_learned_and_then_every_encoder_learns_to_tell_it() -> None:
    torch.manual_seed(0)
    nano, rate = shapes("nano"), Rate.parse("2x2x1")
    dit = VideoDiT(nano)
    low = torch.randn(8, 16, 1, 4, 4)
    latents = F.interpolate(low[:, :, 0], scale_factor=2)[:, :, None] + 0.5 * torch.randn(8, 16, 1, 8, 8)
    batch = {"latents": latents, "low": low, "rate": torch.tensor([2, 2, 1])}
    variance = float(latents.var())
    codes = dict(dense_encoders(nano, (rate,)).items())
    start_principal(cast(LargePatchifier, codes[str(rate)].high), [latents], torch.ones(16))
    learner = GuessLearner(dit, codes, torch.ones(16), guess_learns=True)
    assert float(learner(batch)[0].detach()) == pytest.approx(variance, rel=0.02)  # it begins by guessing zero
    assert steps(learner, batch, 100) < 0.1 * variance
    plain = GuessLearner(dit, codes, torch.ones(16), plain=1.0)
    assert float(plain(batch)[0].detach()) > 0.1 * variance  # without the code it is not known
    guess = {name: weight.clone() for name, weight in dit.state_dict().items()}
    for variant in (Variant.PROPOSED, Variant.WITHOUT_LOW, Variant.LARGE_PATCHIFIER):
        encoder = HistoryEncoder(nano, rate, variant)
        assert steps(GuessLearner(dit, {str(rate): encoder}, torch.ones(16)), batch, 60) < 0.4 * variance, variant
    assert all(torch.equal(weight, guess[name]) for name, weight in dit.state_dict().items())


def test_of_a_masked_history_the_asked_frames_alone_are_learned() -> None:
    torch.manual_seed(0)
    nano, rate = shapes("nano"), Rate.parse("2x2x2")
    latents = torch.randn(2, 16, 6, 8, 8)
    latents[:, :, [0, 1, 4, 5]] *= 100
    batch = {"latents": latents, "low": torch.randn(2, 16, 3, 4, 4), "rate": torch.tensor([2, 2, 2])}
    batch |= {"query": torch.tensor([2, 4])}
    encoder = HistoryEncoder(nano, rate, Variant.LARGE_PATCHIFIER)
    learner = GuessLearner(VideoDiT(nano), {str(rate): encoder}, torch.ones(16), undeclared=0.0)
    loss, parts = learner(batch)  # it begins by guessing zero
    assert list(parts) == ["declared"]
    assert float(loss.detach()) == pytest.approx(float(latents[:, :, 2:4].square().mean()), rel=1e-5)


def test_spreads_are_of_each_channel_before_and_after_the_guess() -> None:
    torch.manual_seed(0)
    nano, rate = shapes("nano"), Rate.parse("2x2x1")
    gains = torch.linspace(2, 0.1, 16)
    batch = {"latents": torch.randn(8, 16, 4, 8, 8) * gains[:, None, None, None], "low": torch.randn(8, 16, 4, 4, 4)}
    batch |= {"rate": torch.tensor([2, 2, 1])}
    dit, codes = VideoDiT(nano), dict(dense_encoders(nano, (rate,)).items())
    learner = GuessLearner(dit, codes, torch.ones(16), plain=1.0)
    torch.testing.assert_close(learner.spreads([batch, batch]), gains.repeat(2, 1), rtol=0.05, atol=0)
    assert dit.first_guess is not None
    torch.nn.init.constant_(dit.first_guess.out.bias, 1.0)  # now it is off by one in every channel
    expected = torch.stack([gains, (gains.square() + 1).sqrt()])
    torch.testing.assert_close(learner.spreads([batch]), expected, rtol=0.05, atol=0)


class Weighed(LatentSpace):
    """Shows the sum of the channels, each by a gain of its own."""

    gains = torch.linspace(2, 0.5, 16)

    def decode(self, latents: Tensor, stream: Stream | None = None) -> Tensor:
        return (latents * self.gains[:, None, None, None]).sum(1, keepdim=True)


def test_a_channel_counts_as_much_as_it_shows(tmp_path: Path) -> None:
    space = Weighed(VideoVAE(shapes("nano")), torch.zeros(1), torch.ones(1), Fraction(8), Size(320, 192), "")
    (tmp_path / "0").mkdir()
    save_file({"latents": torch.zeros(16, 3, 24, 40)}, tmp_path / "0" / "high.safetensors")
    video = Video("drawn", "", tmp_path, 9, ())
    weights = pixel_weights(space, [Segment(video, 0.0, tmp_path / "0", 3, 2.0)], tmp_path)
    torch.testing.assert_close(weights, Weighed.gains**2 / (Weighed.gains**2).mean(), rtol=0.1, atol=0)
    assert torch.equal(pixel_weights(space, [], tmp_path), weights)  # kept, not measured again


def test_evened_weights_count_each_channel_by_the_root_of_what_it_would() -> None:
    weights, spreads = torch.tensor([6.0, 1.0, 0.3]), torch.tensor([2.7, 1.0, 0.5])
    torch.testing.assert_close(evened(weights, spreads) * spreads**2, (weights * spreads**2).sqrt())


class WrongInOneChannel(VideoDiT):
    """Knows that the frames are zero."""

    wrong = 0

    def forward(self, noisy: Tensor, sigma: Tensor, *_: object) -> Tensor:
        velocity = noisy / sigma[:, None, :, None, None]
        velocity[:, self.wrong] += 1
        return velocity


def test_the_loss_of_a_channel_is_weighed() -> None:
    dit, weights = WrongInOneChannel(shapes("nano")), torch.tensor([2.5, 1.0, 0.5, 0.0])
    dit.spreads = torch.ones(2, 4)
    text = TextTokens(torch.zeros(2, 1, 128), torch.ones(2, 1, dtype=torch.bool))
    losses = []
    for dit.wrong in range(4):
        torch.manual_seed(0)  # the same noise levels, by which errors count too
        losses.append(flow_loss(dit, torch.zeros(2, 4, 3, 2, 2), torch.arange(3.0), text, None, weights))
    assert 0.5 / 4 < float(losses[2]) / 0.5 <= 1 / 4
    torch.testing.assert_close(torch.stack(losses), weights * losses[1], rtol=1e-4, atol=1e-5)


def test_batches_of_two_kinds_take_turns() -> None:
    both = Alternating(Numbers(), Numbers(poison_at=1))
    batches = [both[index]["x"] for index in range(4)]
    assert torch.equal(batches[0], batches[1])
    assert batches[2].isfinite().all()
    assert batches[3].isnan().all()


def test_the_decoder_goes_on_alone_and_latents_stay(place: Workplace, tmp_path: Path) -> None:
    other = replace(place, weights=tmp_path, work=tmp_path / "work")
    train_vae(other, SMALL)
    path = tmp_path / "vae.safetensors"
    before, about = load(path)
    train_vae(other, SMALL, decoder_only=True)
    after, about_after = load(path)
    assert about_after.args == about.args
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("decoder.") for name in changed)
    assert not {name for name in changed if name.startswith(("encoder.", "to_posterior.", "blocks.encode."))}


def test_weights_of_another_training_are_refused(trained: Workplace, tmp_path: Path) -> None:
    for name in ("vae", "dit"):
        (tmp_path / f"{name}.safetensors").write_bytes((trained.weights / f"{name}.safetensors").read_bytes())
    other = replace(trained, weights=tmp_path, work=tmp_path / "work")
    train_vae(other, replace(SMALL, seed=5))
    with pytest.raises(KeepframeError, match="other weights"):
        train_stage_one(other, SMALL, Memory("2x2x2"))


@pytest.mark.parametrize("rate", ["2x2x1", "4x4x2"])
def test_windows_are_a_function_of_their_number_and_cut_both_branches_alike(trained: Workplace, rate: str) -> None:
    _, learned, _ = trained.latents((Rate.parse(rate),))
    windows = Windows(learned.segments, Plan(2, (Rate.parse(rate),), crop=(4, 4), whole=0.0))
    for index in range(6):
        batch = windows[index]
        assert all(torch.equal(batch[name], windows[index][name]) for name in batch)
        height, width, time = batch["rate"].tolist()
        rows, columns = batch["latents"].shape[3:]
        assert tuple(batch["low"].shape[2:]) == (batch["latents"].shape[2] // time, rows // height, columns // width)
        first, end = batch["query"].tolist()
        assert 0 <= first < end <= batch["latents"].shape[2]


def test_windows_of_stage_two_ask_for_the_section_after(trained: Workplace) -> None:
    _, learned, _ = trained.latents((Rate.parse("2x2x2"),))
    batch = Windows(learned.segments, Plan(2, (Rate.parse("2x2x2"),), after=SECTION, whole=1.0))[0]
    first, end = batch["query"].tolist()
    assert (end - first, batch["latents"].shape[2]) == (SECTION, end)
    assert batch["low"].shape[2] * 2 == first


def test_videos_too_short_for_a_section_are_refused(trained: Workplace) -> None:
    _, learned, _ = trained.latents((Rate.parse("2x2x2"),))
    with pytest.raises(UsageError, match="as long as 24 latent frames"):
        Windows(learned.segments, Plan(2, (Rate.parse("2x2x2"),), shortest=20, after=SECTION))


def test_frames_to_numbers_and_range() -> None:
    import numpy as np

    frames = np.array([[[[0, 127, 255]]]], np.uint8)
    assert torch.allclose(to_tensor(frames)[:, 0, 0, 0], torch.tensor([-1.0, -1 / 255, 1.0]), atol=1e-6)


@pytest.mark.parametrize("variant", [Variant.ONLY_LOW, Variant.WITHOUT_LOW, Variant.LARGE_PATCHIFIER])
def test_every_ablation_trains(trained: Workplace, variant: Variant) -> None:
    ended = train_stage_one(trained, SMALL, Memory("2x2x2", variant))
    assert ended.done
    assert (trained.weights / f"history-2x2x2-{variant.value}.safetensors").is_file()
