"""`keepframe generate`: a person gives a storyboard and gets a video, made section by section from a memory.

The video begins from nothing, or goes on from the end of a clip. The clip is known by the bytes of its memory alone:
it is encoded, written to bytes and read back, as in a measured run.
"""

import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from bench import registry
from bench.errors import UsageError
from bench.types import Continue
from runners.console import err, last_line, out, progress

MOST_HISTORY_S = 20  # as long as the histories of training, and of the paper
SECTION_FRAMES = 13  # of four latents, of which the first is one frame


def generate(
    storyboard: Annotated[Path, Parameter(help="Prompts with times, as TOML or JSON.")],
    *,
    seconds: Annotated[float, Parameter(help="How much video to make.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="An .mp4, .mov, .mkv or .webm file.")],
    memory: Annotated[str, Parameter(help="The memory and its rate.")] = "history:4x4x2",
    history: Annotated[Path | None, Parameter(help="A clip to go on from; default: begin from nothing.")] = None,
    checkpoint: Annotated[str, Parameter(help="Other weights than those of stage two at this rate.")] = "",
    steps: Annotated[
        int, Parameter(help="Steps of the sampler per section; at nano size more than one adds noise.")
    ] = 1,
    seed: int = 0,
    json: Annotated[bool, Parameter(help="End stdout with one line of JSON.", negative="")] = False,
) -> None:
    """Make a video from a storyboard, or go on from a clip by it.

    Times of the storyboard count from the first frame that is made. The video has the size and rate that the weights
    were trained at. Of a clip, the last 20 seconds are remembered, and its margins are cropped to that shape.

    Example: keepframe generate STORYBOARD.toml --memory history:4x4x2 --seconds 40 -o out.mp4
    """
    from bench.generation.prompts import nearest
    from bench.generation.reference import Reference
    from bench.video.storyboard import read
    from bench.video.write import VideoWriter

    board = read(storyboard)
    generator = Reference(steps=steps)
    encoder = _encoder(memory, checkpoint)
    with err.status("reading the history" if history else "loading the weights"):
        start = encoder.nothing()
        remembered = start if history is None else _remembered(encoder, start.header, history)
        sections = generator.generate(remembered, Continue(board, seconds), seed=seed)
    fps, size = start.header.fps, start.header.size
    began = time.monotonic()
    with VideoWriter(output, fps, size) as writer, progress() as report:
        report("generate", 0, round(seconds * fps), board[0].text)
        for frames in sections:
            shown = nearest(board, writer.frames / fps)
            writer.write(frames)
            report("generate", writer.frames, max(writer.frames, round(seconds * fps)), shown)
        made = writer.frames
    spent_s = time.monotonic() - began
    late = [prompt for prompt in board if prompt.at_s >= seconds]
    tokens = remembered.tokens or 0
    out.print(
        f"{output}: {made / fps:g} s, {made} frames of {size} at {fps:g} per second, in {spent_s:.0f} s "
        f"({spent_s * fps / made:.2f} s per second of video)",
        soft_wrap=True,
    )
    out.print(f"memory {memory}: {tokens} tokens of history; weights {encoder.checkpoint}", soft_wrap=True)
    if late:
        out.print(f"{len(late)} of {len(board)} prompts begin after {seconds:g} s and were not reached.")
    if json:
        last_line(
            {
                "output": str(output),
                "frames": made,
                "fps": fps,
                "width": size.width,
                "height": size.height,
                "spent_s": round(spent_s, 3),
                "history_tokens": tokens,
                "weights": encoder.weights(),
                "seed": seed,
                "steps": steps,
            }
        )


def _encoder(memory: str, checkpoint: str) -> Any:
    """The encoder that `NAME:RATE` names, with weights of stage two unless others are named."""
    from bench.checkpoints.folder import history_name

    name, _, rate = memory.partition(":")
    if name != "history" or not rate:
        raise UsageError(
            f"{memory!r} is no memory that a video can be generated from.",
            "Write history:RATE, such as --memory history:4x4x2.",
        )
    return registry.resolve("memory", name)(
        rate=rate, checkpoint=checkpoint or history_name(rate, stage=2), continuable=True
    )


def _remembered(encoder: Any, wanted: Any, path: Path) -> Any:
    """The memory of the end of a clip, through its bytes.

    Its first frames are left out, not its last, so that it ends where a block of the memory does.
    """
    from bench.video.clip import probe
    from bench.video.read import grid, stream

    clip = probe(path)
    indices = grid(clip, wanted.fps)[-(int(MOST_HISTORY_S * wanted.fps) + 1) :]
    if len(indices) < SECTION_FRAMES:
        raise UsageError(
            f"{path} lasts {clip.duration_s:.2f} s, which is shorter than one section of {SECTION_FRAMES} frames at "
            f"{wanted.fps:g} per second.",
            "Give a longer clip, or none to begin from nothing.",
        )
    encoder.begin(wanted.fps, wanted.size)
    for frames in stream(clip, indices[-encoder.whole_blocks(len(indices)) :], size=wanted.size):
        encoder.write(frames)
    return encoder.from_bytes(encoder.finish().to_bytes())
