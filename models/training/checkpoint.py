"""Checkpoints: written whole or not at all, read without unpickling anything but tensors."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from .._files import open_regular, write_atomically
from ..config import TrainingConfig
from ..errors import CheckpointError, TrainingInputError
from ..networks.network import SpikingNetwork
from ..networks.registry import build_network

FORMAT = 1
_KINDS = {
    "format": int,
    "config": str,
    "image_shape": list,
    "classes": int,
    "network": dict,
    "optimizers": list,
    "telemetry": dict,
    "history": list,
    "position": list,
}
_MAX_BYTES = 1 << 34
_MAX_OBJECT_BYTES = 1 << 24
"""Of all that is no tensor."""
_REMEDY = "name a checkpoint.pt that axonc wrote"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    content = io.BytesIO()  # torch's own writer reports a full disk as an internal error
    torch.save({"format": FORMAT, **state}, content)
    write_atomically(path, lambda file: file.write(content.getbuffer()))


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint; a file from a stranger can name tensors and plain values only."""
    what = f"checkpoint {path}"
    try:
        with open_regular(path, _MAX_BYTES) as file:
            _require_plain_archive(file)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(
            what, got="no such file", expected="a checkpoint", remedy=_REMEDY
        ) from error
    except Exception as error:  # a damaged file breaks torch's reader in any of a dozen ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            what, got=f"an unreadable file ({reason})", expected="a checkpoint", remedy=_REMEDY
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(state.get(key), kind) for key, kind in _KINDS.items()
    ):
        raise CheckpointError(
            what, got="a torch file of another kind", expected="a checkpoint", remedy=_REMEDY
        )
    if state["format"] != FORMAT:
        raise CheckpointError(
            what,
            got=f"format {state['format']}",
            expected=f"format {FORMAT}",
            remedy="train again, or use the version of axonc that wrote it",
        )
    return state


def _require_plain_archive(file: IO[bytes]) -> None:
    """Refuse what torch never writes, and would unpack without a bound or read in older ways."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("compressed, which no checkpoint is")
    largest = max((e.file_size for e in entries if e.filename.endswith(".pkl")), default=0)
    if largest > _MAX_OBJECT_BYTES:
        raise ValueError(f"objects of {largest} bytes")
    file.seek(0)


def restore(network: SpikingNetwork, state: dict[str, Any], what: str) -> None:
    """Put a checkpoint's weights into a network; refuse those of another one."""
    try:
        network.load_state_dict(state["network"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise _of_another_network(what, network) from error


def load_network(checkpoint_path: str | Path) -> tuple[SpikingNetwork, TrainingConfig]:
    """Read a trained network, in evaluation mode, and its configuration from a checkpoint.

    Raises CheckpointError for a file that is missing, damaged, or not a checkpoint.
    """
    path = Path(checkpoint_path)
    state, what = load(path), f"checkpoint {path}"
    config = TrainingConfig.from_text(state["config"], what)
    network = _built(config, state, what)
    restore(network, state, what)
    return network.eval(), config


def _built(config: TrainingConfig, state: dict[str, Any], what: str) -> SpikingNetwork:
    """Build the network of a checkpoint, first without memory to see that its weights are there."""
    shape, classes = tuple(state["image_shape"]), state["classes"]
    try:
        with torch.device("meta"):
            bare = build_network(config, shape, classes)
        fits = all(
            isinstance(found := state["network"].get(name), torch.Tensor)
            and found.shape == wanted.shape
            for name, wanted in bare.state_dict().items()
        )
    except TrainingInputError:
        raise
    except Exception as error:  # shapes and widths of no network
        raise CheckpointError(
            what,
            got=f"settings of no network ({' '.join(str(error).split())[:200]})",
            expected="a checkpoint",
            remedy=_REMEDY,
        ) from error
    if not fits:
        raise _of_another_network(what, bare)
    return build_network(config, shape, classes)


def _of_another_network(what: str, network: SpikingNetwork) -> CheckpointError:
    return CheckpointError(
        what,
        got="the weights of another network",
        expected=f"the parameters of {', '.join(network.wiring)}",
        remedy="use the checkpoint with the configuration that it was trained with",
    )
