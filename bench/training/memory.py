"""Which history encoder a recipe trains, and how it is called."""

from dataclasses import dataclass

from bench.memories.history import Variant


@dataclass(frozen=True)
class Memory:
    """Which history encoder: `rate` and `variant`, and what is left out or frozen for an ablation."""

    rate: str = "4x4x2"
    variant: Variant = Variant.PROPOSED
    undeclared: float = 0.5  # stage one, and before it: how often the encoder is not told what will be asked
    window: int = 3  # stage two: latent frames before the section that the DiT sees as they are (the paper's option)
    without_stage_one: bool = False
    frozen: bool = False  # stage two: the encoder stays as stage one left it

    @property
    def stage_one_name(self) -> str:
        """Of its checkpoint."""
        ablation = "" if self.variant is Variant.PROPOSED else f"-{self.variant.value}"
        return f"history-{self.rate}{ablation}"

    @property
    def stage_two_name(self) -> str:
        """Of its checkpoint."""
        ablation = ("-without-stage-one" if self.without_stage_one else "") + ("-frozen" if self.frozen else "")
        return f"{self.stage_one_name}-ar{ablation}"
