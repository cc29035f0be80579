"""The demo's result as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cost import Event
from .labels import NUMBERS, engine_name, event_group, event_name, network_name, pair_name
from .training_log import read_metrics
from .units import bits_text, count_text, duration_text, energy_text, printable, share_text

if TYPE_CHECKING:
    from jinja2 import Template

    from .rasters import Sample

_EXACT = "reference_int"


def html_report(
    result: Mapping[str, Any], spikes: np.ndarray, sample: Sample, training_folder: Path
) -> str:
    """Return the report on `result`, the content of result.json, as an HTML document.

    Args:
        spikes: the input of one image, (time, *input shape).
        sample: its spikes by engine and node, (time, *node shape) each.
        training_folder: where metrics.csv lies; without it the training curves are left out.

    Every text from outside (node names, details, sources) is escaped.
    """
    costs = list(result["costs"].values())
    energies = list(_energies(costs))
    page = page_template("report.html").render(
        result=result,
        headline=_headline(result),
        figures=_key_figures(result, energies),
        engines=_engines(result),
        pairs=_pairs(result),
        networks=[network_name(cost["target"]) for cost in costs],
        totals=_totals(costs),
        breakdowns=_breakdowns(costs),
        energies=energies,
        notes=_notes(costs, result["programs"]),
        targets=list(dict.fromkeys(row["target"] for row in result["verdicts"])),
        verdicts=_verdicts(result["verdicts"]),
        plots=_plots(result, spikes, sample, training_folder, energies),
        training=[_figure(name, value) for name, value in result["training"].items()],
        command=_command(result),
        network_name=network_name,
    )
    return printable(page)


@cache
def page_template(name: str) -> Template:
    """Return one of the shipped pages; every value put into it is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("axonc.toolchain.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


# -- words and rows --------------------------------------------------------------------------------


def _headline(result: Mapping[str, Any]) -> str:
    mismatches = result["spike_mismatch"]
    equal = sum(share == 0 for share in mismatches.values())
    if equal == len(mismatches):
        return "All stages agree in every spike bin."
    return (
        f"{equal} of {len(mismatches)} comparisons between stages agree in every spike bin; the "
        f"others differ in at most {share_text(max(mismatches.values()))} of the bins."
    )


def _key_figures(result: Mapping[str, Any], energies: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the few numbers that most people come for."""
    costs, accuracy = result["costs"], result["accuracy"]
    found = []
    for engine in ("norse", _EXACT):
        if engine in accuracy:
            told = f"{100 * accuracy[engine]:.1f} %"
            found.append({"value": told, "what": f"test accuracy, {engine_name(engine)}"})
    if "float32" in costs:
        small, large = result["memory_bits"]["total"], costs["float32"]["memory_bits"]["total"]
        what = f"memory, {large / small:.1f} times less than in 32-bit float"
        found.append({"value": bits_text(small), "what": what})
    operations = count_text(result["synaptic_operations"]["total"])
    found.append({"value": operations, "what": "synaptic operations an image"})
    for cost in costs.values():
        if "cycles" in cost:
            what = f"clock cycles an image, {network_name(cost['target'])}"
            found.append({"value": count_text(cost["cycles"]["total"]), "what": what})
    on_chips = (e for e in energies if e["target"] not in ("float32", "integers", "reference"))
    for energy in on_chips:
        if energy["total_pj"] is not None:
            what = f"energy an image, {energy['network']} ({energy['profile']})"
            found.append({"value": energy_text(energy["total_pj"]), "what": what})
    return found


def _engines(result: Mapping[str, Any]) -> list[dict[str, str]]:
    walls = result.get("engine_wall_s", {})
    return [
        {
            "name": engine_name(key),
            "numbers": NUMBERS.get(key, "integers"),
            "accuracy": f"{100 * accuracy:.1f} %",
            "images": f"{result['images'][key]:,}",
            "wall": duration_text(walls[key]) if key in walls else "",
        }
        for key, accuracy in result["accuracy"].items()
    ]


def _pairs(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": pair_name(key),
            "share": share_text(share),
            "equal": share == 0,
            "reason": result["reasons"].get(key, ""),
        }
        for key, share in result["spike_mismatch"].items()
    ]


_ACTIVITY = {
    "memory_bits": ("memory", bits_text),
    "synaptic_operations": ("synaptic operations", count_text),
    "neuron_updates": ("neuron updates", count_text),
    "spikes": ("spikes", count_text),
    "cycles": ("clock cycles", count_text),
}


def _totals(costs: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return (quantity, total by network) rows."""
    return [
        (what, [text(cost[key]["total"]) if key in cost else "–" for cost in costs])
        for key, (what, text) in _ACTIVITY.items()
    ]


def _breakdowns(costs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every quantity of every network by its parts."""
    return [
        {
            "network": network_name(cost["target"]),
            "quantities": [
                {
                    "name": what,
                    "parts": [(part, text(value)) for part, value in cost[key]["parts"].items()],
                    "total": text(cost[key]["total"]),
                }
                for key, (what, text) in _ACTIVITY.items()
                if key in cost
            ],
        }
        for cost in costs
    ]


def _energies(costs: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for cost in costs:
        for profile, energy in cost["energy_pj"].items():
            events = energy.get("events", {})
            yield {
                "target": cost["target"],
                "network": network_name(cost["target"]),
                "profile": profile,
                "total_pj": energy["total"],
                "known_pj": sum(energy["parts"].values()),
                "total": _energy_total(energy),
                "parts_pj": energy["parts"],
                "basis": energy["basis"],
                "source": energy["source"],
                "static_power_w": energy.get("static_power_w"),
                "events": [
                    {
                        "name": event_name(event),
                        "count": count_text(entry["count"]),
                        "each": None if entry["pj_each"] is None else f"{entry['pj_each']:g} pJ",
                        "energy": energy_text(energy["parts"].get(event, 0.0)),
                        "source": entry["source"],
                    }
                    for event, entry in events.items()
                ],
            }


def _energy_total(energy: Mapping[str, Any]) -> str:
    if energy["total"] is not None:
        return energy_text(energy["total"])
    unpriced = ", ".join(map(event_name, energy["unpriced"]))
    return f"no total: {energy_text(sum(energy['parts'].values()))} without {unpriced}"


def _notes(
    costs: list[dict[str, Any]], programs: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, str]]:
    """Return (network, note) rows, without what the program's own table tells."""
    told = {f"{what}: {value}" for program in programs.values() for what, value in program.items()}
    return [
        (network_name(cost["target"]), note)
        for cost in costs
        for note in cost["notes"]
        if note not in told
    ]


def _verdicts(rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return one row a node, with what becomes of it by target."""
    nodes: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = nodes.setdefault(row["node"], {"node": row["node"], "kind": row["kind"], "on": {}})
        entry["on"][row["target"]] = row
    return list(nodes.values())


def _figure(name: str, value: Any) -> tuple[str, str]:
    """Return a named figure as words; the end of the name tells its unit."""
    words = name.replace("_", " ")
    if isinstance(value, (int, float)) and name.endswith("_s"):
        return ("duration" if name == "wall_s" else words[:-2]), duration_text(value)
    if isinstance(value, float) and name.endswith("accuracy"):
        return words, f"{100 * value:.1f} %"
    return words, f"{value:.4g}" if isinstance(value, float) else str(value)


def _command(result: Mapping[str, Any]) -> str:
    lava = result["images"].get("lava", 0)
    extra = "" if lava == 20 else f" --lava-images {lava}"
    return f"axonc demo --seed {result['seed']}{extra} --out DIR"


# -- figures ---------------------------------------------------------------------------------------


def _plots(
    result: Mapping[str, Any],
    spikes: np.ndarray,
    sample: Sample,
    training_folder: Path,
    energies: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the page's figures by name, as safe markup; None where there is nothing to draw."""
    from markupsafe import Markup

    from .plots import accuracy_plot, energy_plot, share_bars, stacked_bars, training_plot
    from .rasters import picture, raster_plot

    accuracies = [
        (engine_name(key), value, result["images"][key])
        for key, value in result["accuracy"].items()
    ]
    memory = [
        (
            network_name(cost["target"]),
            bits_text(cost["memory_bits"]["total"]),
            cost["memory_bits"]["by_purpose"],
        )
        for cost in result["costs"].values()
    ]
    cycles = [
        (part, count_text(value), {"cycles": value})
        for cost in result["costs"].values()
        for part, value in cost.get("cycles", {"parts": {}})["parts"].items()
    ]
    most = max(sum(parts.values()) for _, _, parts in memory)
    unit, scale = ("Mbit", 1e6) if most >= 2e6 else ("kbit", 1e3)
    prices = [(f"{e['network']}: {e['profile']}", e) for e in energies]
    totals = [
        (
            name,
            "no total" if e["total_pj"] is None else e["total"],
            e["known_pj"],
            e["total_pj"] is not None,
        )
        for name, e in prices
    ]
    shares = [(name, "", _by_group(e["parts_pj"])) for name, e in prices]
    names = {engine: engine_name(engine) for engine in sample}
    against = _EXACT if _EXACT in sample else next(iter(sample), "")
    drawn = {
        "accuracy": accuracy_plot(accuracies) if accuracies else None,
        "training": training_plot(read_metrics(training_folder)),
        "picture": picture(spikes),
        "raster": raster_plot(sample, names, against=against) if sample else None,
        "memory": stacked_bars(memory, unit=unit, scale=scale, label="Memory by purpose"),
        "energy": energy_plot(totals) if totals else None,
        "energy_parts": share_bars(shares, label="Shares of the energy") if shares else None,
        "cycles": stacked_bars(
            cycles, unit="clock cycles an image", scale=1, label="Cycles by layer and cause"
        ),
    }
    return {name: None if svg is None else Markup(svg) for name, svg in drawn.items()}


def _by_group(parts_pj: Mapping[str, float]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for event, energy_pj in parts_pj.items():
        group = event_group(Event(event))
        sums[group] = sums.get(group, 0.0) + energy_pj
    return sums
