"""axonc.models: train binary spiking networks in norse and export them to NIR.

Names are loaded on first use, so that importing this package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoint import load_network as load_network
    from .config import TrainingConfig as TrainingConfig
    from .data import Dataset as Dataset
    from .data import Split as Split
    from .errors import TrainingInputError as TrainingInputError
    from .evaluate import dataset as dataset
    from .evaluate import encode as encode
    from .evaluate import predict as predict
    from .evaluate import run_network as run_network
    from .export import export_nir as export_nir
    from .network import SpikingNetwork as SpikingNetwork
    from .norse_export import export_norse as export_norse
    from .plots import plot_history as plot_history
    from .size import ModelSize as ModelSize
    from .size import model_size as model_size
    from .tensorboard import write_tensorboard as write_tensorboard
    from .training import TrainingProgress as TrainingProgress
    from .training import TrainingResult as TrainingResult
    from .training import train as train
    from .user_network import load_user_network as load_user_network

_HOME = {
    "Dataset": "data",
    "ModelSize": "size",
    "SpikingNetwork": "network",
    "Split": "data",
    "TrainingConfig": "config",
    "TrainingInputError": "errors",
    "TrainingProgress": "training",
    "TrainingResult": "training",
    "dataset": "evaluate",
    "encode": "evaluate",
    "export_nir": "export",
    "export_norse": "norse_export",
    "load_network": "checkpoint",
    "load_user_network": "user_network",
    "model_size": "size",
    "plot_history": "plots",
    "predict": "evaluate",
    "run_network": "evaluate",
    "train": "training",
    "write_tensorboard": "tensorboard",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
