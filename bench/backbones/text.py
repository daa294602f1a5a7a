"""A small text encoder on bytes, trained together with the DiT on storyboard prompts.

Bytes need no vocabulary file, know every language and every name, and cannot be out of vocabulary. The prompts of
a storyboard are short, so the longer sequence costs little. No downloaded weights.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from bench.backbones.config import Shapes
from bench.backbones.tokens import TextTokens

MOST_BYTES = 256
"""A prompt is cut after this many bytes."""

_START = 256  # comes first, so that an empty prompt has one token and attention always has something to look at
_PADDING = 257


def to_bytes(prompts: list[str]) -> Int[Tensor, "batch words"]:
    """UTF-8 bytes of `prompts`, each after a start token, padded to the longest.

    >>> to_bytes(["hi", ""])
    tensor([[256, 104, 105],
            [256, 257, 257]])
    """
    rows = [[_START, *prompt.encode()[:MOST_BYTES]] for prompt in prompts]
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [_PADDING] * (longest - len(row)) for row in rows])


class TextEncoder(nn.Module):
    """Prompts to vectors of the DiT's text width.

    >>> from bench.backbones.config import shapes
    >>> encoded = TextEncoder(shapes("nano"))(to_bytes(["a red kite", "rain"]))
    >>> tuple(encoded.tokens.shape), encoded.kept.sum(1).tolist()
    ((2, 11, 128), [11, 5])
    """

    def __init__(self, shapes: Shapes, layers: int = 2) -> None:
        super().__init__()
        width = shapes.text_width
        self.bytes = nn.Embedding(258, width)
        self.positions = nn.Parameter(torch.randn(1 + MOST_BYTES, width) / width**0.5)
        self.layers = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, max(1, width // 64), 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
                )
                for _ in range(layers)
            ]
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Int[Tensor, "batch words"]) -> TextTokens:
        kept: Bool[Tensor, "batch words"] = ids != _PADDING
        x: Float[Tensor, "batch words width"] = self.bytes(ids) + self.positions[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~kept)
        return TextTokens(self.norm(x), kept)
