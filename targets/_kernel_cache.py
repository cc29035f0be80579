"""Functions compiled by numba, kept on disk where there is room for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba


def jit(function: Callable[..., object], *, cache: bool = True, **options: Any) -> Any:
    """Compile at the first call, without Python's global lock; later processes load the result.

    Where it cannot be written, on a full disk say, the function runs all the same.
    """
    made: Any = numba.njit(cache=cache, nogil=True, **options)(function)
    save = made._cache.save_overload

    def save_if_possible(*compiled: object) -> None:
        with suppress(OSError):
            save(*compiled)

    made._cache.save_overload = save_if_possible
    return made
