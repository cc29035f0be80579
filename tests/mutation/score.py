"""What `make mutation` found: the share of changes that a test notices, and those that none does.

mutmut keeps the exit status of the tests under each change; 0 means that all tests passed, and so
that none noticed. A change that no test reaches counts as unnoticed too. `equivalent.txt` lists, by
function, changed lines that cannot change a result, with the reason; they are left out.

    python tests/mutation/score.py build/mutation [--at-least 95]
    python tests/mutation/score.py build/mutation --forget

Exits with status 1 where a folder's share is below. --forget prints nothing and makes the next run
try again what no test noticed, for mutmut takes an old result as it is.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UNNOTICED = (0, 5, 33)  # all tests passed; no test was run; no test reaches the function
_NAME = re.compile(r"(?P<module>.*)\.(?P<function>x[_ǁ].*)__mutmut_(?P<number>\d+)$")


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, the lines before and after, and the status of the tests."""

    file: str
    function: str
    before: str
    after: str
    status: int | None

    @property
    def folder(self) -> str:
        """The part of the code whose share it belongs to."""
        return str(Path(self.file).parent)

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.before} -> {self.after}"


def mutants(work: Path) -> Iterator[Mutant]:
    """Yield all changes that mutmut made in `work`, those that were not tried with status None."""
    root = work / "mutants" / "src" / "axonc"
    for meta in sorted(root.rglob("*.py.meta")):
        statuses = json.loads(meta.read_text())["exit_code_by_key"]
        bodies = _bodies(meta.with_suffix("").read_text()) if statuses else {}
        for name, status in statuses.items():
            found = _NAME.match(name)
            assert found is not None, name
            mangled = found["function"]
            lines = _difference(
                bodies[f"{mangled}__mutmut_orig"], bodies[f"{mangled}__mutmut_{found['number']}"]
            )
            function = mangled.replace("xǁ", "").replace("ǁ", ".").removeprefix("x_")
            yield Mutant(str(meta.relative_to(root))[: -len(".meta")], function, *lines, status)


def _bodies(source: str) -> dict[str, list[str]]:
    """Return the lines of every version of every function of a file that mutmut wrote."""
    bodies: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in source.splitlines():
        if found := re.match(r"\s*(?:async )?def (x[_ǁ]\w*__mutmut_\w+)\(", line):
            lines = bodies.setdefault(found[1], [])
            line = line.replace(found[1], "")
        elif re.match(r"\s*(mutants_x|@_mutmut)", line):
            lines = []  # what follows belongs to no version of a function
        lines.append(line.removesuffix("# type: ignore # mutmut generated").rstrip())
    return bodies


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    changes = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    old = " ".join(line[1:].strip() for line in changes if line.startswith("-"))
    new = " ".join(line[1:].strip() for line in changes if line.startswith("+"))
    return old, new


def equivalents(listed: Path) -> set[str]:
    """Return the changes that are listed as equivalent, as they print."""
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    return {line for line in lines if line and not line.startswith("#")}


def forget_unnoticed(work: Path) -> None:
    """Make mutmut try every unnoticed change again, with the tests that there are now."""
    for meta in (work / "mutants").rglob("*.py.meta"):
        kept = json.loads(meta.read_text())
        statuses = kept["exit_code_by_key"]
        kept["exit_code_by_key"] = {
            name: None if status in UNNOTICED else status for name, status in statuses.items()
        }
        meta.write_text(json.dumps(kept))
    (work / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)  # which test reaches what


def main() -> int:
    """Print the shares and the changes that nobody noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--at-least", type=float, default=95.0, metavar="PERCENT")
    parser.add_argument("--forget", action="store_true")
    options = parser.parse_args()
    if options.forget:
        forget_unnoticed(options.work)
        return 0
    equivalent = equivalents(Path(__file__).with_name("equivalent.txt"))
    by_folder: defaultdict[str, list[Mutant]] = defaultdict(list)
    untried = 0
    for mutant in mutants(options.work):
        if mutant.status is None:
            untried += 1
        elif str(mutant) not in equivalent:
            by_folder[mutant.folder].append(mutant)
    low = False
    for folder, made in by_folder.items():
        missed = [mutant for mutant in made if mutant.status in UNNOTICED]
        share = 100 * (1 - len(missed) / len(made))
        low = low or share < options.at_least
        for mutant in missed:
            print(mutant)
        print(f"{folder}: {share:.1f} % of {len(made)} changes noticed\n")
    if untried:
        print(f"{untried} changes were not tried: run make mutation again, it goes on")
    return int(low or bool(untried))


if __name__ == "__main__":
    sys.exit(main())
