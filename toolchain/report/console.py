"""Tables on the terminal.

Names and details come from files of strangers: they are printed as they are, never read as markup,
and characters that would steer the terminal are replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from axonc.targets import NodeVerdict, Verdict

from ..cost import CostReport, EnergyEstimate, TimeEstimate
from .cost_json import part_label
from .labels import engine_name, event_name, network_name, pair_name
from .tables import cell, columns_of
from .units import (
    bits_text,
    count_text,
    duration_text,
    energy_text,
    printable,
    share_text,
    time_text,
)

_COLOURS = {
    Verdict.EXACT: "green",
    Verdict.APPROXIMATE: "yellow",
    Verdict.HOST: "cyan",
    Verdict.UNSUPPORTED: "bold red",
}
Cell = str | Text


def print_verdicts(rows: Sequence[NodeVerdict], target: str) -> None:
    """Print one line a node: what becomes of it on `target`."""
    cells = [
        (row.node, row.kind, Text(row.verdict, style=_COLOURS[row.verdict]), row.detail)
        for row in rows
    ]
    title = f"What becomes of each node on {target}"
    _print_table(Console(), title, ("node", "kind", "verdict", "detail"), cells)


def print_figures(figures: Mapping[str, Any], title: str) -> None:
    """Print (name, value) lines."""
    rows = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {count_text(number)}" for key, number in value.items())
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        rows.append((name.replace("_", " "), shown))
    _print_table(Console(), title, ("", ""), rows)


def print_rows(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of {column: value}."""
    columns = columns_of(rows)
    cells = [tuple(cell(row.get(column)) for column in columns) for row in rows]
    headings = (columns[0], *(">" + column.replace("_", " ") for column in columns[1:]))
    _print_table(Console(), title, headings, cells)


def print_cost(report: CostReport) -> None:
    """Print memory by part, activity by node, and every energy estimate beside the others."""
    console = Console()
    memory: list[tuple[Cell, ...]] = [
        (part_label(part), bits_text(bits)) for part, bits in report.memory_bits.parts.items()
    ]
    memory.append(_total("total", bits_text(report.memory_bits.total)))
    title = f"Memory: {network_name(report.target)}"
    _print_table(console, title, ("part", ">size"), memory)
    activity = {
        "synaptic operations": report.synaptic_operations,
        "multiplications": report.multiplications,
        "neuron updates": report.neuron_updates,
        "spikes": report.spikes,
        "clock cycles": report.cycles,
    }
    rows = [
        (
            name,
            count_text(breakdown.total),
            ", ".join(
                f"{part_label(part)} {count_text(count)}" for part, count in breakdown.parts.items()
            ),
        )
        for name, breakdown in activity.items()
        if breakdown is not None
    ]
    if rows:
        title = "Activity: mean of one inference"
        _print_table(console, title, ("what", ">total", "by part"), rows)
    for estimate in report.energy:
        _print_energy(console, estimate)
    if report.time:
        _print_time(console, report.time)
    for part in report.host:
        console.print(Text(_host_text(part), style="yellow"))
    for note in report.notes:
        console.print(Text(f"note: {printable(note)}", style="dim"))


def _host_text(part: CostReport) -> str:
    """Return what the host computes of a network, in none of the target's figures."""
    (energy,) = part.energy
    counts = [
        f"{count_text(figure.total)} {what}"
        for figure, what in (
            (part.multiplications, "multiplications"),
            (part.synaptic_operations, "additions"),
        )
        if figure is not None
    ]
    return printable(
        f"on the host, in none of these figures: {part.target}, {', '.join(counts)} an inference, "
        f"{energy_text(energy.total_pj or 0.0)} of arithmetic in float32 ({energy.profile})"
    )


def print_doctor(report: Mapping[str, Any]) -> None:
    """Print what is installed and which engines work."""
    console = Console()
    console.print(f"axonc {report['axonc']} on Python {report['python']}")
    packages: list[tuple[Cell, ...]] = []
    for name, package in report["packages"].items():
        extra, found = package["extra"], package["version"]
        remedy = "absent" if extra == "core" else f"absent: pip install 'axonc[{extra}]'"
        shown = Text(remedy, style="red" if extra == "core" else "yellow")
        packages.append((name, extra, found or shown))
    _print_table(console, "Packages", ("package", "needed by", "version"), packages)
    engines = [
        (
            engine["target"],
            engine["engine"],
            Text("yes", style="green") if engine["works"] else Text("no", style="yellow"),
            engine["detail"],
        )
        for engine in report["engines"]
    ]
    _print_table(console, "Engines", ("target", "engine", "works", "detail"), engines)


def print_demo(result: Mapping[str, Any], out: Path) -> None:
    """Print the demo's result: accuracy by engine, mismatches, costs side by side."""
    console = Console()
    engines = [
        (
            engine_name(engine),
            f"{result['images'][engine]:,}",
            f"{100 * accuracy:.1f} %",
            duration_text(result["engine_wall_s"][engine]),
        )
        for engine, accuracy in result["accuracy"].items()
    ]
    headings: tuple[str, ...] = ("engine", ">images", ">accuracy", ">run alone")
    _print_table(console, "Accuracy on the test images", headings, engines)
    pairs = [
        (
            pair_name(pair),
            Text(share_text(share), style="yellow") if share else Text("none", style="green"),
            result["reasons"].get(pair, ""),
        )
        for pair, share in result["spike_mismatch"].items()
    ]
    headings = ("stages", ">bins that differ", "why, or what is compared")
    _print_table(console, "Spikes that differ between two stages", headings, pairs)
    costs = [
        (
            network_name(cost["target"]),
            bits_text(cost["memory_bits"]["total"]),
            count_text(cost["synaptic_operations"]["total"]),
            count_text(cost["cycles"]["total"]) if "cycles" in cost else "–",
        )
        for cost in result["costs"].values()
    ]
    headings = ("network", ">memory", ">synaptic operations", ">clock cycles")
    _print_table(console, "Cost of one image", headings, costs)
    energies = [
        (
            network_name(cost["target"]),
            profile,
            "no total" if energy["total"] is None else energy_text(energy["total"]),
        )
        for cost in result["costs"].values()
        for profile, energy in cost["energy_pj"].items()
    ]
    title = "Energy of one image; profiles differ in what they include"
    _print_table(console, title, ("network", "profile", ">energy"), energies)
    console.print(f"{duration_text(result['wall_s'])} in all. Written:")
    for name in ("model.nir", "result.json", "report.html"):
        console.print(Text(f"  {out / name}"), soft_wrap=True)


def _print_energy(console: Console, estimate: EnergyEstimate) -> None:
    rows: list[tuple[Cell, ...]] = []
    for event, count in estimate.counts.items():
        entry = estimate.entries.get(event)
        each = "no published figure" if entry is None else f"{entry.pj:g} pJ"
        energy = energy_text(estimate.parts_pj[event]) if event in estimate.parts_pj else "–"
        rows.append((event_name(event), count_text(count), each, energy))
    known = energy_text(sum(estimate.parts_pj.values()))
    if estimate.total_pj is None:
        rows.append(_total("no total; what is known", "", "", known))
    else:
        rows.append(_total("total", "", "", known))
    headings = ("event", ">an inference", ">each", ">energy")
    _print_table(console, f"Energy: {estimate.profile}", headings, rows)
    told = [f"basis: {estimate.basis}", f"source: {estimate.source}"]
    if estimate.static_power_w is not None:
        told.append(f"static power: {estimate.static_power_w:g} W, reported separately")
    console.print(Text(printable("\n".join(told)), style="dim"))


def _print_time(console: Console, estimates: Sequence[TimeEstimate]) -> None:
    """Print the mean step under every profile side by side."""
    parts = list(dict.fromkeys(part for e in estimates for part in (*e.parts_ns, *e.unpriced)))
    rows: list[tuple[Cell, ...]] = [
        (
            part,
            *(
                "no published figure" if part in e.unpriced else time_text(e.parts_ns[part])
                for e in estimates
            ),
        )
        for part in parts
    ]
    no_total = "no total"
    steps = [no_total if e.step_ns is None else time_text(e.step_ns) for e in estimates]
    whole = [no_total if e.inference_ns is None else time_text(e.inference_ns) for e in estimates]
    rows.append(_total("a step", *steps))
    rows.append(_total(f"an inference of {estimates[0].steps} steps", *whole))
    headings = ("busiest core, then all", *(f">{e.profile}" for e in estimates))
    _print_table(console, "Time of a mean step", headings, rows)
    told = [f"{e.profile}: {e.basis}; {e.source}" for e in estimates]
    console.print(Text(printable("\n".join(told)), style="dim"))


def _print_table(
    console: Console, title: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> None:
    """Print a table; a heading that starts with `>` has its column aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_header=any(headings), pad_edge=False)
    for heading in headings:
        right = heading.startswith(">")
        table.add_column(
            heading.removeprefix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in row))
    console.print(Text(f"\n{printable(title)}", style="bold"))
    console.print(table)


def _total(*cells: str) -> tuple[Text, ...]:
    return tuple(Text(cell, style="bold") for cell in cells)
