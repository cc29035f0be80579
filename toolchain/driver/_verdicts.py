"""One row a node: what the passes and a target make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from axonc.targets import REFERENCE, NodeVerdict, Target, load_target

from ..comparison import Measurement
from ..passes import Verdict
from ..passes.findings import severity
from ._lowering import Lowering


def verdicts(
    lowering: Lowering, target: Target | str = REFERENCE, measurement: Measurement | None = None
) -> tuple[NodeVerdict, ...]:
    """Return one row for every node of the imported graph: what becomes of it on `target`.

    A node's verdict is the worst that any pass or the target said of it; a measurement adds the
    share of spikes that rounding changed.
    """
    on_chip: Mapping[str, NodeVerdict] = {}
    if target != REFERENCE and lowering.integer_graph is not None:
        chip = load_target(target) if isinstance(target, str) else target
        said = chip.check(lowering.integer_graph)
        on_chip = {row.node: row for row in said}
    rows = [_verdict(lowering, name, on_chip.get(name)) for name in lowering.imported.nodes]
    if measurement is None:
        return tuple(rows)
    return tuple(
        replace(row, detail=f"{row.detail}; measured: {100 * share:.3g} % of its spike bins differ")
        if (share := measurement.mismatch.get(row.node)) is not None
        else row
        for row in rows
    )


def _verdict(lowering: Lowering, name: str, on_chip: NodeVerdict | None) -> NodeVerdict:
    said = [(f.verdict, f.detail) for f in lowering.findings.about(name)]
    if on_chip is not None:
        said.append((on_chip.verdict, on_chip.detail))
    worst = max((verdict for verdict, _ in said), key=severity, default=Verdict.EXACT)
    telling = [
        detail
        for verdict, detail in said
        if detail and (verdict is worst or worst is Verdict.APPROXIMATE)
    ]
    kind = lowering.imported.nodes[name].kind
    return NodeVerdict(name, kind, worst, "; ".join(dict.fromkeys(telling)))
