"""No circle of imports anywhere: neither between modules, nor between the folders of a package."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("axonc.toolchain", "axonc.targets", "axonc.models")
GRAPH = grimp.build_graph(*PACKAGES)  # imports within functions, and for type checking, too


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Return the modules of a circle, empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_in_the_end() -> None:
    imports = {
        module: set(GRAPH.find_modules_directly_imported_by(module)) for module in GRAPH.modules
    }
    assert circle(imports) == []


def test_the_check_would_find_a_circle() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})


@pytest.mark.parametrize(
    "package",
    [
        package
        for package in sorted(GRAPH.modules)
        if sum(child.count(".") for child in GRAPH.find_children(package))
    ],
)
def test_no_circle_between_the_folders_of_a_package(package: str) -> None:
    """Children stand for all that they hold; `__init__` of the package itself is left out."""
    children = GRAPH.find_children(package)
    imports: dict[str, set[str]] = {child: set() for child in children}
    for child in children:
        for module in {child, *GRAPH.find_descendants(child)}:
            for other in GRAPH.find_modules_directly_imported_by(module):
                owner = next((c for c in children if f"{other}.".startswith(f"{c}.")), None)
                if owner is not None and owner != child:
                    imports[child].add(owner)
    assert circle(imports) == []
