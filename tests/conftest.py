"""What all tests share: where data by others lies, and the switch for benchmarks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

SHARED = Path(__file__).resolve().parents[2] / "shared"

# For `make mutation`: any failure will do, the smallest need not be found.
settings.register_profile(
    "mutation", phases=(Phase.explicit, Phase.generate), database=None, deadline=None
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--benchmarks", action="store_true", help="run the benchmarks too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--benchmarks"):
        return
    skip = pytest.mark.skip(reason="a benchmark: run `make bench`")
    for item in items:
        if "benchmarks" in Path(item.path).parts:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of graphs, recordings and data by others, beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"needs data by others in {SHARED}, which is absent here")
    return SHARED


@pytest.fixture(scope="session")
def engines_required() -> bool:
    """Whether a missing external engine must fail a test rather than skip it (as in CI)."""
    return bool(os.environ.get("AXONC_REQUIRE_ENGINES"))
