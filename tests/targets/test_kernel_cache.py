"""Compiled functions run also where there is no room to keep them."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numba
import pytest

MODULE = """
from axonc.targets._kernel_cache import jit

@jit
def twice(x):
    return 2 * x
"""


def test_a_full_disk_costs_the_cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernels_on_a_full_disk.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")  # beside the module, whatever is set outside
    from kernels_on_a_full_disk import twice

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        assert twice(4) == 8
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [
        p for p in tmp_path.rglob("*") if p.suffix in (".nbi", ".nbc") or ".tmp." in p.name
    ] == []
    assert twice(2.5) == 5.0
    assert [p.suffix for p in sorted(tmp_path.rglob("*.nb*"))]
