import ctypes
from collections.abc import Callable

import pytest

from axonc.models.training._memory import keep_freed_memory


class Library:
    """A C library whose malloc takes mmap thresholds up to `most` bytes."""

    def __init__(self, most: int):
        self.set: dict[int, int] = {}

        def mallopt(parameter: int, value: int) -> int:
            if parameter == -3 and value > most:
                return 0
            self.set[parameter] = value
            return 1

        self.mallopt: Callable[[int, int], int] = mallopt


@pytest.mark.parametrize(
    ("most", "settings"), [(2**31, {-1: 2**31 - 1, -3: 2**30}), (2**25, {-1: 2**31 - 1, -4: 0})]
)
def test_freed_memory_is_kept(
    most: int, settings: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(most)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    keep_freed_memory()
    assert library.set == settings


def test_the_users_own_setting_and_other_libraries_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Library(2**31)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "131072")
    keep_freed_memory()
    assert library.set == {}
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_freed_memory()
