"""Graphs that other frameworks write, against the spikes of the frameworks themselves.

A framework that is not installed skips its tests; with AXONC_REQUIRE_PEERS=1 it fails them. The
extra `peers` names the versions whose exporters these tests describe.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import nir
import numpy as np
import pytest

from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.reference import execute


@pytest.fixture(scope="session")
def peer() -> Callable[..., ModuleType]:
    """Import a module of another framework by its name; one that is optional never fails."""

    def load(name: str, *, optional: bool = False) -> ModuleType:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a peer's deprecations are not ours to mend
                return importlib.import_module(name)
        except ImportError as error:
            message = f"needs {name} (pip install axonc[peers]): {error}"
            if os.environ.get("AXONC_REQUIRE_PEERS") and not optional:
                pytest.fail(message)
            pytest.skip(message)

    return load


@pytest.fixture(scope="session")
def spikes() -> Callable[..., Any]:
    """Make random input spikes, float32 (time, batch, *shape), as a torch tensor."""
    torch = pytest.importorskip("torch")

    def make(*shape: int, rate: float = 0.4, seed: int = 1) -> Any:
        generator = torch.Generator().manual_seed(seed)
        return (torch.rand(shape, generator=generator) < rate).float()

    return make


@pytest.fixture
def ours(tmp_path: Path) -> Callable[..., np.ndarray]:
    """Load a graph under options, run it on (time, batch, *shape), return the same layout.

    The graph's file, and the discrete stage, where all targets start, must send the very same.
    """

    def run(graph: Any, inputs: Any, **options: Any) -> np.ndarray:
        chosen = DialectOptions(**options)
        imported = load_graph(graph, options=chosen)
        batch_first = np.swapaxes(np.asarray(inputs), 0, 1)
        output = execute(imported, batch_first).output
        discrete = execute(lower(imported).discrete, batch_first).output
        if output.dtype == bool:
            assert np.array_equal(output, discrete)
        if isinstance(graph, nir.NIRGraph):
            path = tmp_path / "written_by_nir.nir"
            nir.write(path, graph, compression=None)  # nir 1.0.8 cannot compress single numbers
            assert np.array_equal(
                output, execute(load_graph(path, options=chosen), batch_first).output
            )
        return np.swapaxes(output, 0, 1)

    return run
