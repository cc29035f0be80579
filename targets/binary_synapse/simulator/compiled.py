"""How the simulator is compiled: by numba, cached on disk, without Python's global lock.

Numba looks only at the file of a cached function, not at those of the functions it calls. So the
cache lies in a folder named after all sources of the simulator: whatever changes, nothing stale is
loaded. The folders of versions that were not used lately are removed.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numba

from ..._kernel_cache import jit

VERSIONS_KEPT = 4
_log = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile at the first call; later processes load the result from the cache."""
    return _with_cache(function, "never")


def uncounted(function: Function) -> Function:
    """Compile without reference counting: for what is called often with many arrays.

    The function may make no array and return none; its callers hold those that it works on.
    """
    return _with_cache(function, "never", _nrt=False)


def inlined(function: Function) -> Function:
    """Compile into each caller: for the innermost loops, and where passing arrays costs most.

    An array is passed as seven numbers, so a call with machine and program costs hundreds of them.
    """
    return _with_cache(function, "always")


def _with_cache(function: Function, inline: str, **options: bool) -> Function:
    folder = _cache_folder()
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = folder or before  # read when the decorator runs
        return jit(function, cache=folder is not None, inline=inline, **options)
    finally:
        numba.config.CACHE_DIR = before


@cache
def _cache_folder() -> str | None:
    """Return the folder for this version of the simulator, or None where none can be made."""
    digest = sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = os.environ.get("NUMBA_CACHE_DIR") or Path(home) / "axonc" / "numba"
    folder = Path(base) / f"binary_synapse-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        _log.info("compiling the accelerator's simulator, once on this machine: half a minute")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # used now
    except OSError:
        return None
    with suppress(OSError):  # another process may prune at the same time
        _prune(folder)
        _remove_leftovers(folder)
    return str(folder) if os.access(folder, os.W_OK) else None


def _remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while numba wrote have left, an hour ago or more."""
    for half in folder.rglob("*.tmp.*"):
        if half.stat().st_mtime < time.time() - 3600:
            half.unlink()


def _prune(used: Path) -> None:
    """Keep the folders of the versions used last; whoever still runs another compiles anew."""
    others = [found for found in used.parent.glob("binary_synapse-*") if found != used]
    others.sort(key=lambda found: found.stat().st_mtime)
    for old in others[: 1 - VERSIONS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
