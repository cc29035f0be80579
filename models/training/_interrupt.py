"""Ctrl-C during training: finish the batch at hand first, so that the weights are whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class DeferredInterrupt:
    """Note the first SIGINT instead of raising it; a second one raises KeyboardInterrupt at once.

    Outside the main thread Python delivers no signals, and this does nothing.
    """

    requested = False

    def __enter__(self) -> DeferredInterrupt:
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
