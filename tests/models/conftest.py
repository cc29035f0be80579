from pathlib import Path

import pytest
import torch
from tiny_training import TINY

from axonc.models import train


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a whole run has left; tests read it only."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("unbroken")
    train(TINY, folder)
    return folder
