"""How the simulator is compiled: by numba, cached on disk, without Python's global lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile at the first call; later processes load the result from the cache."""
    made: Function = numba.njit(cache=True, nogil=True)(function)
    return made


def inlined(function: Function) -> Function:
    """Compile into each caller: for what is called in the innermost loops."""
    made: Function = numba.njit(cache=True, nogil=True, inline="always")(function)
    return made
