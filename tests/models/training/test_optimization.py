from dataclasses import replace

import pytest
import torch

from axonc.models import TrainingConfig
from axonc.models.config import OptimizerConfig, OptimizerKind
from axonc.models.networks.registry import build_network
from axonc.models.training.optimization import batch_loss, build_optimizers

SCORES = torch.tensor([[2.0, 0.0, 1.0], [0.5, 0.0, 0.0]])
LABELS = torch.tensor([0, 2])


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_loss_mixes_cross_entropy_and_squared_error(share: float) -> None:
    entropy = -torch.log_softmax(SCORES, 1)[[0, 1], [0, 2]].mean()
    squares = torch.tensor([[1.0, 0, 1], [0.5, 0, -1]]).square().mean()
    found = batch_loss(OptimizerConfig(mse_share=share), SCORES, LABELS)
    torch.testing.assert_close(found, (1 - share) * entropy + share * squares)


@pytest.mark.parametrize("kind", list(OptimizerKind))
def test_every_parameter_has_one_optimiser(kind: OptimizerKind) -> None:
    config = replace(TrainingConfig(), optimizer=OptimizerConfig(kind))
    network = build_network(config, (1, 4, 4), 3)
    groups = [group for rule in build_optimizers(config, network) for group in rule.param_groups]
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in network.parameters())
