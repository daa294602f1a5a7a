"""RAFT's steps in an order that costs less: the same sums of the same numbers as torchvision's modules.

Twenty updates of a pair are three quarters of what RAFT computes, and nearly all of that is convolutions that run at
the processor's speed. So what is saved is work: the context is the same in all updates, and its part of the six
convolutions of the GRU, a sixth of an update, is added up once. The channels are last, as the convolutions and what is
looked up want them. Sums come in another order, which moves a flow in the fifth or sixth digit and its speed in none
that a score shows.

Source: Teed and Deng, "RAFT" (2020); torchvision.models.optical_flow.raft, whose modules and weights are taken.
"""

from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from suites.features.correlation import correlations, looked_up
from suites.features.layout import channels_last

Map = Float[Tensor, "1 _ height width"]


class Steps:
    """Torchvision's RAFT-large in evaluation mode, taken apart. The model itself stays as it is."""

    def __init__(self, model: Any) -> None:
        motion, head = model.update_block.motion_encoder, model.update_block.flow_head
        gru, mask = model.update_block.recurrent_block, model.mask_predictor
        self.feature_encoder = channels_last(deepcopy(model.feature_encoder))
        self._context_encoder = channels_last(deepcopy(model.context_encoder))
        self._hidden = model.update_block.hidden_state_size
        self._levels, self._radius = model.corr_block.num_levels, model.corr_block.radius
        self._seen = motion.convcorr1[0].weight.flatten(1), motion.convcorr1[0].bias
        self._corr = _Conv(motion.convcorr2[0])
        self._flow = _Conv(motion.convflow1[0]), _Conv(motion.convflow2[0])
        self._motion = _Conv(motion.conv[0])
        self._gru = [_Gru(one, self._hidden) for one in (gru.convgru1, gru.convgru2)]
        self._head = _Conv(head.conv1), _Conv(head.conv2)
        self._mask = _Conv(mask.convrelu[0]), _Conv(mask.conv)
        self._mask_by = mask.multiplier

    @property
    def device(self) -> Any:
        return self._seen[0].device

    def flow(
        self, first: Map, second: Map, picture: Float[Tensor, "1 3 tall wide"], updates: int
    ) -> Float[Tensor, "1 2 tall wide"]:
        """The flow in pixels from the first features to the second; `picture` is what the first are of."""
        from torchvision.models.optical_flow._utils import make_coords_grid, upsample_flow

        context = self._context_encoder(picture)
        hidden, context = context[:, : self._hidden].tanh(), context[:, self._hidden :].relu()
        fixed = [gru.fixed(context) for gru in self._gru]
        pyramid = correlations(first, second, self._levels)
        origin = make_coords_grid(1, *first.shape[-2:]).to(self.device)
        found = torch.zeros_like(origin)
        room = torch.empty_like(torch.cat([hidden, hidden], dim=1))  # what the GRU's convolutions read: state, motion
        for _ in range(updates):
            room[:, self._hidden :] = self._moving(looked_up(pyramid, origin + found, self._radius), found)
            for gru, part in zip(self._gru, fixed, strict=True):
                hidden = gru.step(hidden, room, part)
            found = found + self._head[1](self._head[0](hidden).relu_())
        mask = self._mask[1](self._mask[0](hidden).relu_()) * self._mask_by
        full: Tensor = upsample_flow(flow=found, up_mask=mask.contiguous())
        return full

    def _moving(self, seen: Float[Tensor, "point seen"], flow: Map) -> Map:
        height, width = flow.shape[-2:]
        known = F.linear(seen, *self._seen).relu_().view(1, height, width, -1).permute(0, 3, 1, 2)
        both = torch.cat([self._corr(known).relu_(), self._flow[1](self._flow[0](flow).relu_()).relu_()], dim=1)
        return torch.cat([self._motion(both).relu_(), flow], dim=1)


class _Conv:
    """A convolution with its weights laid channels last."""

    def __init__(self, like: Any) -> None:
        self._weight = _laid(like.weight)
        self._bias, self._padding = like.bias, like.padding

    def __call__(self, x: Map) -> Map:
        return F.conv2d(x, self._weight, self._bias, padding=self._padding)


class _Gru:
    """A convolutional GRU that reads state, context and motion, the context of which is known beforehand."""

    def __init__(self, gru: Any, hidden: int) -> None:
        gates = gru.convz, gru.convr, gru.convq
        known = slice(hidden, gru.convz.in_channels - hidden)  # as many channels of motion as of state
        self._padding = gru.convz.padding
        self._known = [(_laid(one.weight[:, known]), one.bias) for one in gates]
        self._new = [
            _laid(torch.cat([one.weight[:, : known.start], one.weight[:, known.stop :]], dim=1)) for one in gates
        ]

    def fixed(self, context: Map) -> list[Map]:
        """What the context adds to each gate."""
        return [F.conv2d(context, weight, bias, padding=self._padding) for weight, bias in self._known]

    def step(self, hidden: Map, room: Map, fixed: list[Map]) -> Map:
        """The next state. `room` holds the motion in its last channels; its first are overwritten."""
        own = room[:, : hidden.shape[1]]
        own.copy_(hidden)
        update, reset = self._gate(0, room, fixed).sigmoid_(), self._gate(1, room, fixed).sigmoid_()
        torch.mul(reset, hidden, out=own)
        return hidden.lerp(self._gate(2, room, fixed).tanh_(), update)

    def _gate(self, which: int, room: Map, fixed: list[Map]) -> Map:
        return F.conv2d(room, self._new[which], padding=self._padding).add_(fixed[which])


def _laid(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)
