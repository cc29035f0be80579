"""axonc.models: train binary spiking networks in norse and export them to NIR.

Names are loaded on first use, so that importing this package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import TrainingConfig as TrainingConfig
    from .data import Dataset as Dataset
    from .data import Split as Split
    from .errors import TrainingInputError as TrainingInputError
    from .export.norse_network import export_norse as export_norse
    from .export.trained_network import export_nir as export_nir
    from .export.user_network import load_user_network as load_user_network
    from .networks.network import SpikingNetwork as SpikingNetwork
    from .training.checkpoint import load_network as load_network
    from .training.evaluate import dataset as dataset
    from .training.evaluate import encode as encode
    from .training.evaluate import predict as predict
    from .training.evaluate import run_network as run_network
    from .training.loop import TrainingResult as TrainingResult
    from .training.loop import train as train
    from .training.plots import plot_history as plot_history
    from .training.run import TrainingProgress as TrainingProgress
    from .training.size import ModelSize as ModelSize
    from .training.size import model_size as model_size
    from .training.tensorboard import write_tensorboard as write_tensorboard
    from .training.understood import Understood as Understood
    from .training.understood import understood as understood

_HOME = {
    "Dataset": "data",
    "ModelSize": "training.size",
    "SpikingNetwork": "networks.network",
    "Split": "data",
    "TrainingConfig": "config",
    "TrainingInputError": "errors",
    "TrainingProgress": "training.run",
    "TrainingResult": "training.loop",
    "Understood": "training.understood",
    "dataset": "training.evaluate",
    "encode": "training.evaluate",
    "export_nir": "export.trained_network",
    "export_norse": "export.norse_network",
    "load_network": "training.checkpoint",
    "load_user_network": "export.user_network",
    "model_size": "training.size",
    "plot_history": "training.plots",
    "predict": "training.evaluate",
    "run_network": "training.evaluate",
    "train": "training.loop",
    "understood": "training.understood",
    "write_tensorboard": "training.tensorboard",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
