"""Where compiled kernels are kept, and what is told of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from axonc.targets.binary_synapse.simulator import compiled


def test_compilation_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "axonc")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folders = {compiled._cache_folder.__wrapped__() for _ in range(2)}
    assert [Path(folder).parent for folder in folders] == [tmp_path]
    assert len(caplog.messages) == 1 and "once on this machine" in caplog.messages[0]


def test_only_the_versions_used_last_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        (tmp_path / f"binary_synapse-{number}").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = compiled._cache_folder.__wrapped__()
    left = {path.name for path in tmp_path.iterdir()}
    assert Path(folder).name in left and "other" in left
    assert len(left) == compiled.VERSIONS_KEPT + 1


def test_what_a_killed_compilation_left_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = Path(compiled._cache_folder.__wrapped__()) / "mesh"
    folder.mkdir()
    for name in ("a.nbc.tmp.0123", "b.nbc.tmp.4567", "whole.nbc"):
        (folder / name).touch()
    for name in ("a.nbc.tmp.0123", "whole.nbc"):
        os.utime(folder / name, (0, 0))
    compiled._cache_folder.__wrapped__()
    assert sorted(path.name for path in folder.iterdir()) == ["b.nbc.tmp.4567", "whole.nbc"]
