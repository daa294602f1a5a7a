"""The generator of the paper's memory: a DiT that reads its tokens, to recall moments and to go on from the end."""

from collections.abc import Iterator

from bench.errors import UsageError
from bench.memories.context import TokenMemory
from bench.protocols import Memory
from bench.types import Continue, Frames, Recall
from bench.video.storyboard import check


class Reference:
    """Samples what was asked for from a memory of tokens, with the weights that belong to it.

    `steps` and `shift` are the sampler's. One step answers the mean of what could have been, which is the best of PSNR
    and the best of nano, whose DiT hardly takes off what noise more steps leave (docs/RESULTS.md). `run` is how many
    latents are sampled together in recall: 1 answers lone moments at the least cost, 4 whole stretches. `window` is
    how many of the last latents (at most 3) the DiT sees clean while it goes on; by default as many as in its training.

    In a spec: generator = "reference", generator_args = { run = 4 }.
    """

    def __init__(self, *, steps: int = 1, shift: float = 3.0, run: int = 2, window: int | None = None) -> None:
        if not 1 <= run <= 4:
            raise UsageError(f"run = {run} is outside 1 to 4.", "Training asks for up to 4 latents at once.")
        if window is not None and not 0 <= window <= 3:
            raise UsageError(f"window = {window} is outside 0 to 3.", "A memory keeps its last 3 latents.")
        if steps < 1 or not shift > 0:
            raise UsageError(f"steps = {steps}, shift = {shift}: no sampler.", "Take 1 step or more, a shift above 0.")
        self._steps, self._shift = steps, shift
        self._run = run
        self._window = window

    def generate(self, memory: Memory, request: Recall | Continue, *, seed: int) -> Iterator[Frames]:
        """Frames in the history's size: one chunk per moment in the order asked, or one per section of two seconds.

        Raises UsageError, before the first frame, for a memory that has no tokens to read, and for one that cannot
        be continued; KeepframeError for a moment outside of the history.
        """
        from bench.generation.recall import recall
        from bench.generation.rollout import check_continuable, rollout
        from bench.generation.sampler import Sampler

        if not isinstance(memory, TokenMemory):
            raise UsageError(
                f"{type(memory).__name__} has no tokens that the reference generator could read.",
                'Read it with generator = "readout", or name the memory "history".',
            )
        context = memory.context()
        sampler = Sampler(self._steps, self._shift)
        if isinstance(request, Recall):
            context.header.frames_at(request.at_s)
            return recall(context, memory.asked(request.at_s), sampler, self._run, seed)
        check(request.storyboard)
        check_continuable(context, request.seconds)
        window = context.reader.args.window if self._window is None else self._window
        return rollout(context, request, sampler, window, seed)
