"""What is minimised, and by what rule."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..config import OptimizerConfig, OptimizerKind, TrainingConfig
from ..methods.bso import BSO
from ..networks.network import SpikingNetwork


def build_optimizers(
    config: TrainingConfig, network: SpikingNetwork
) -> list[torch.optim.Optimizer]:
    """Make the optimisers of a run: one, or BSO for binary weights and SGD for the rest."""
    settings = config.optimizer
    rate, decay = settings.learning_rate, settings.weight_decay
    parameters = [p for p in network.parameters() if p.requires_grad]
    if settings.kind is OptimizerKind.ADAM:
        return [torch.optim.Adam(parameters, rate, weight_decay=decay)]
    optimizers: list[torch.optim.Optimizer] = []
    if settings.kind is OptimizerKind.BSO:
        layers = (network.layer(name) for name in network.wiring)
        binary = [layer.synapses.weight for layer in layers if layer.binary]
        flip = config.bso
        optimizers.append(BSO(binary, flip.gamma, flip.beta1, flip.beta2, flip.adaptive))
        flipped = {id(weight) for weight in binary}
        parameters = [p for p in parameters if id(p) not in flipped]
    sgd = torch.optim.SGD(parameters, rate, momentum=settings.momentum, weight_decay=decay)
    return [*optimizers, sgd]


def batch_loss(settings: OptimizerConfig, scores: Tensor, labels: Tensor) -> Tensor:
    """Compute the mean loss of scores (batch, classes) for labels (batch,)."""
    share = settings.mse_share
    loss = functional.cross_entropy(scores, labels, label_smoothing=settings.label_smoothing)
    if share:
        target = functional.one_hot(labels, scores.shape[1]).to(scores.dtype)
        loss = (1 - share) * loss + share * functional.mse_loss(scores, target)
    return loss
