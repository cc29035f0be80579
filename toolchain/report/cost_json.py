"""Costs as JSON-ready values: here, and in the tables of a terminal, parts become text."""

from __future__ import annotations

from collections import Counter
from functools import singledispatch
from typing import Any

from ..cost import Breakdown, CostReport, EnergyEstimate, Phase, Stored, TimeEstimate, Wave


@singledispatch
def part_label(part: object) -> str:
    """Return a part of a quantity as text; different parts have different texts.

    A node's name is its own text; what a node stores is `NODE MEMORY`; a wave of layers is
    `wave NUMBER: LAYERS`, a phase of a step one word.
    """
    return str(part)


@part_label.register
def _(part: Stored) -> str:
    return f"{part.node} {part.memory}"


@part_label.register
def _(part: Phase) -> str:
    return part.value


@part_label.register
def _(part: Wave) -> str:
    layers = [*part.updated, *(f"{layer} partial sums" for layer in part.summed)]
    return f"wave {part.number + 1}: {' + '.join(layers)}"


def cost_json(report: CostReport) -> dict[str, Any]:
    """Return a cost report as JSON-ready values; absent figures are left out."""
    figures = {
        "memory_bits": report.memory_bits,
        "synaptic_operations": report.synaptic_operations,
        "multiplications": report.multiplications,
        "neuron_updates": report.neuron_updates,
        "spikes": report.spikes,
        "cycles": report.cycles,
    }
    document: dict[str, Any] = {"target": report.target}
    for name, figure in figures.items():
        if figure is not None:
            document[name] = _breakdown(figure)
    purposes: Counter[str] = Counter()
    for stored, bits in report.memory_bits.parts.items():
        purposes[stored.memory.purpose] += int(bits)
    document["memory_bits"]["by_purpose"] = dict(purposes)
    document["energy_pj"] = {estimate.profile: _energy(estimate) for estimate in report.energy}
    document["time_ns"] = {estimate.profile: _time(estimate) for estimate in report.time}
    document["notes"] = list(report.notes)
    if report.host:
        document["host"] = [cost_json(part) for part in report.host]
    return document


def _breakdown(figure: Breakdown[Any]) -> dict[str, Any]:
    """Return {"total", "parts"}."""
    parts = {part_label(part): value for part, value in figure.parts.items()}
    return {"total": figure.total, "parts": parts}


def _energy(estimate: EnergyEstimate) -> dict[str, Any]:
    """Return {"total", "parts", "unpriced", "basis", "source", "static_power_w", "events"}.

    `events` holds {"count", "pj_each", "source"} by event, the last two None where unpriced.
    """
    events = {}
    for event, count in estimate.counts.items():
        entry = estimate.entries.get(event)
        pj_each, source = (None, None) if entry is None else (entry.pj, entry.source)
        events[event.value] = {"count": count, "pj_each": pj_each, "source": source}
    return {
        "total": estimate.total_pj,
        "parts": {event.value: energy_pj for event, energy_pj in estimate.parts_pj.items()},
        "unpriced": [event.value for event in estimate.unpriced],
        "basis": estimate.basis,
        "source": estimate.source,
        "static_power_w": estimate.static_power_w,
        "events": events,
    }


def _time(estimate: TimeEstimate) -> dict[str, Any]:
    """Return {"step", "inference", "steps", "parts", "unpriced", "basis", "source"}."""
    return {
        "step": estimate.step_ns,
        "inference": estimate.inference_ns,
        "steps": estimate.steps,
        "parts": {part.value: time_ns for part, time_ns in estimate.parts_ns.items()},
        "unpriced": [part.value for part in estimate.unpriced],
        "basis": estimate.basis,
        "source": estimate.source,
    }
