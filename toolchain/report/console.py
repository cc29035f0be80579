"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from axonc.targets import NodeVerdict, Verdict

from ..cost import CostReport
from .units import bits_text, count_text, energy_text

_COLOURS = {
    Verdict.EXACT: "green",
    Verdict.APPROXIMATE: "yellow",
    Verdict.HOST: "cyan",
    Verdict.UNSUPPORTED: "bold red",
}


def print_verdicts(rows: Sequence[NodeVerdict], target: str) -> None:
    """Print one line a node: what becomes of it on `target`."""
    table = Table(title=f"what becomes of each node on {target}")
    for heading in ("node", "kind", "verdict", "detail"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        colour = _COLOURS[row.verdict]
        table.add_row(row.node, row.kind, f"[{colour}]{row.verdict}[/]", row.detail)
    Console().print(table)


def print_figures(figures: Mapping[str, Any], title: str) -> None:
    """Print (name, value) lines."""
    table = Table(title=title, show_header=False)
    for name, value in figures.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {count_text(number)}" for key, number in value.items())
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)


def print_cost(report: CostReport) -> None:
    """Print memory by part, activity by node, and every energy estimate beside the others."""
    console = Console()
    memory = Table(title=f"memory on {report.target}")
    memory.add_column("part")
    memory.add_column("bits", justify="right")
    for part, bits in report.memory_bits.parts.items():
        memory.add_row(part, bits_text(bits))
    memory.add_row("[bold]total", f"[bold]{bits_text(report.memory_bits.total)}")
    console.print(memory)
    activity = {
        "synaptic operations": report.synaptic_operations,
        "neuron updates": report.neuron_updates,
        "spikes": report.spikes,
        "cycles": report.cycles,
    }
    if any(activity.values()):
        table = Table(title="activity per inference")
        for heading in ("what", "total", "by part"):
            table.add_column(heading, overflow="fold")
        for name, breakdown in activity.items():
            if breakdown is not None:
                parts = ", ".join(f"{k} {count_text(v)}" for k, v in breakdown.parts.items())
                table.add_row(name, count_text(breakdown.total), parts)
        console.print(table)
    if report.energy:
        table = Table(title="energy per inference")
        for heading in ("profile", "total", "by event", "basis and source"):
            table.add_column(heading, overflow="fold")
        for estimate in report.energy:
            total = estimate.total_pj
            shown = "no total" if total is None else energy_text(total)
            parts = [f"{event} {energy_text(pj)}" for event, pj in estimate.parts_pj.items()]
            parts += [f"{event}: no published figure" for event in estimate.unpriced]
            table.add_row(
                estimate.profile, shown, "\n".join(parts), f"{estimate.basis}; {estimate.source}"
            )
        console.print(table)
    for note in report.notes:
        console.print(f"note: {note}", style="dim")


def print_doctor(report: Mapping[str, Any]) -> None:
    """Print what is installed and which engines work."""
    console = Console()
    console.print(f"axonc {report['axonc']} on Python {report['python']}")
    packages = Table(title="packages")
    for heading in ("package", "needed by", "version"):
        packages.add_column(heading)
    for name, package in report["packages"].items():
        extra = package["extra"]
        absent = "[red]absent" if extra == "core" else f"absent: pip install 'axonc\\[{extra}]'"
        packages.add_row(name, extra, package["version"] or absent)
    console.print(packages)
    engines = Table(title="engines")
    for heading in ("target", "engine", "works", "detail"):
        engines.add_column(heading, overflow="fold")
    for engine in report["engines"]:
        works = "[green]yes" if engine["works"] else "[yellow]no"
        engines.add_row(engine["target"], engine["engine"], works, engine["detail"])
    console.print(engines)


def print_demo(result: Mapping[str, Any], out: Path) -> None:
    """Print the demo's result: accuracy by engine, mismatches, costs side by side."""
    console = Console()
    table = Table(title="accuracy on the test images")
    for heading in ("engine", "images", "accuracy"):
        table.add_column(heading)
    for engine, accuracy in result["accuracy"].items():
        images = result["images"][engine]
        table.add_row(engine, str(images), f"{100 * accuracy:.1f} %")
    console.print(table)
    table = Table(title="spikes that differ between two stages")
    for heading in ("stages", "share of bins", "why"):
        table.add_column(heading, overflow="fold")
    for pair, mismatch in result["spike_mismatch"].items():
        table.add_row(pair, f"{mismatch:.2e}" if mismatch else "0", result["reasons"].get(pair, ""))
    console.print(table)
    table = Table(title="cost of one inference")
    for heading in ("network on", "memory", "synaptic operations", "cycles", "energy"):
        table.add_column(heading, overflow="fold")
    for cost in result["costs"].values():
        energies = [
            f"{energy_text(e['total']) if e['total'] is not None else 'no total'} ({name})"
            for name, e in cost["energy_pj"].items()
        ]
        table.add_row(
            cost["target"],
            bits_text(cost["memory_bits"]["total"]),
            count_text(cost["synaptic_operations"]["total"]),
            count_text(cost["cycles"]["total"]) if "cycles" in cost else "-",
            "\n".join(energies),
        )
    console.print(table)
    console.print(
        f"{result['wall_s']:.0f} s in all. Written: {out}/model.nir, result.json, report.html"
    )
