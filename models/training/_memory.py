"""Keep the memory that one training step frees for the next.

glibc hands blocks above 32 MB, and the free end of its heap, back to Linux at once. The next step
gets them anew, page by page and filled with zeros: a tenth to a seventh of the time of a
convolutional network's step, and several times that at moments when Linux is short of free pages.
"""

from __future__ import annotations

import ctypes
import os

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Let this process's C library keep up to 2 GiB that it holds and does not use.

    Called where a training begins, not by importing. MALLOC_MMAP_THRESHOLD_ in the environment,
    glibc's own setting, is left in force. Without glibc nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    # An older glibc takes no threshold above 32 MB, but can be kept from mapping at all.
    if not mallopt(_M_MMAP_THRESHOLD, 2**30):
        mallopt(_M_MMAP_MAX, 0)
