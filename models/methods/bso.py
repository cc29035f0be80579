"""BSO: train binary weights themselves, without latent weights, by flipping signs.

Liang et al., ICML 2025. With M the running mean of a weight's gradient:

    M <- beta1 * M + (1 - beta1) * dL/dw
    BSO:    flip w where w * M > gamma
    T-BSO:  V <- beta2 * V + (1 - beta2) * mean((dL/dw)^2), one number a layer
            flip w where w * M > gamma * sqrt(V + eps)

The authors' code lets gamma, 1 - beta1 and 1 - beta2 fall to a tenth every 50 epochs: `fall`.

The paper updates online, in every time step, with one V a time step. Here the gradient is that of
the whole presentation and one V serves it: an adaptation to backpropagation through time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_EPS = 1e-8


class BSO(torch.optim.Optimizer):
    """Flip the signs of binary weights; the weights become +-1 when the optimiser is made.

    gamma: the flip threshold. beta1, beta2: of the running means. adaptive: T-BSO.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        gamma: float = 5e-7,
        beta1: float = 0.999,
        beta2: float = 1 - 1e-5,
        adaptive: bool = True,
    ):
        super().__init__(
            parameters, {"gamma": gamma, "beta1": beta1, "beta2": beta2, "adaptive": adaptive}
        )
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.copy_(torch.where(weight < 0, -1.0, 1.0))

    def fall(self, share: float) -> None:
        """Set gamma, 1 - beta1 and 1 - beta2 to a share of what the optimiser was made with."""
        for group in self.param_groups:
            group["gamma"] = share * self.defaults["gamma"]
            for beta in ("beta1", "beta2"):
                group[beta] = 1 - share * (1 - self.defaults[beta])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update the running means and flip what they say."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._flip(weight, weight.grad, group)
        return loss

    def _flip(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["mean"] = torch.zeros_like(weight)
            state["square"] = torch.zeros((), dtype=weight.dtype)
        state["mean"].lerp_(gradient, 1 - group["beta1"])
        threshold: float | Tensor = group["gamma"]
        if group["adaptive"]:
            state["square"].lerp_(gradient.square().mean(), 1 - group["beta2"])
            threshold = threshold * torch.sqrt(state["square"] + _EPS)
        weight.copy_(torch.where(weight * state["mean"] > threshold, -weight, weight))
