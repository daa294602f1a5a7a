"""A second way to read a memory: attention of its own beside that to the prompt, as IP-Adapter has it for images.

The paper names it as an option ("+ cross-attention"): every layer of the DiT reads the encoder's output directly,
whatever the layers before made of the tokens in the sequence. Keys and values are projected by new weights, queries
are those that read the prompt, and the last projection begins at zero, so nothing changes before training.
Source: IP-Adapter (arXiv 2308.06721); the rotary positions are ours, because a memory is addressed by time and place.
"""

from jaxtyping import Float
from torch import Tensor, nn

from bench.backbones.attention import KeyValue, attend
from bench.backbones.rope import Rotation, rotate


class MemoryAttention(nn.Module):
    """How tokens read a memory of which they know the place."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(3))
        self.norm_key = nn.RMSNorm(width, eps=1e-6)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def key_value(self, memory: Float[Tensor, "batch memory width"], places: Rotation) -> KeyValue:
        """What is looked at: the same for every sampling step."""
        key = rotate(self.norm_key(self.key(memory)).unflatten(-1, (self.heads, -1)), places)
        return KeyValue(key, self.value(memory).unflatten(-1, (self.heads, -1)))

    def forward(
        self, query: Float[Tensor, "batch tokens heads channel"], positions: Rotation, memory: KeyValue
    ) -> Float[Tensor, "batch tokens width"]:
        y: Tensor = self.out(attend(rotate(query, positions), memory.key, memory.value))
        return y


def reading_state(model: nn.Module) -> dict[str, Tensor]:
    """The weights of every `MemoryAttention` in `model`, by name: what a checkpoint keeps of them."""
    return {
        f"{name}.{key}": weight.detach()
        for name, module in model.named_modules()
        if isinstance(module, MemoryAttention)
        for key, weight in module.state_dict().items()
    }
