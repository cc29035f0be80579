"""How a training step runs the network: in which precision, and compiled or not.

With bfloat16 the synapses alone multiply in it, by torch's autocast: spikes and binary weights are
exact in 8 bits, and the sums leave in 8 significant bits. BatchNorm, gate, potentials, loss and
the optimiser's weights stay in float32, and so does all evaluation.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from ..config import Precision, SurrogateKind, TrainingConfig
from ..errors import TrainingInputError
from ..networks.network import SpikingNetwork

Forward = Callable[[Tensor, dict[str, Tensor]], Tensor]


def training_forward(config: TrainingConfig, network: SpikingNetwork) -> Forward:
    """Return the function (spikes, record) -> scores that a training step calls.

    Raises TrainingInputError where a network cannot be compiled.
    """
    run: Forward = _compiled(config, network) if config.compile else network
    if config.precision == Precision.FLOAT32:
        return run

    def in_bfloat16(spikes: Tensor, record: dict[str, Tensor]) -> Tensor:
        with torch.autocast(spikes.device.type, torch.bfloat16):
            return run(spikes, record)

    return in_bfloat16


def _compiled(config: TrainingConfig, network: SpikingNetwork) -> Forward:
    if config.surrogate.kind is SurrogateKind.ADALI:
        raise _refusal(
            "a surrogate whose boundaries move", "a network that stays the same over the epochs"
        )
    compiler = os.environ.get("CXX", "g++")
    if sys.platform == "linux" and shutil.which(compiler) is None:
        raise _refusal(
            f"no C++ compiler {compiler}",
            "one to build with",
            "apt-get install g++, or name one in CXX; or ",
        )
    # One shape, one piece of code: what it computes must not depend on which shapes came before.
    compiled = torch.compile(network, dynamic=False)

    def run(spikes: Tensor, record: dict[str, Tensor]) -> Tensor:
        try:
            scores: Tensor = compiled(spikes, record)
            return scores
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise _refusal(reason, "a network that torch.compile can build") from error

    return run


def _refusal(got: str, expected: str, remedy: str = "") -> TrainingInputError:
    return TrainingInputError(
        "setting compile", got=got, expected=expected, remedy=f"{remedy}train with compile = false"
    )
