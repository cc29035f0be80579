"""Energy: counts of events times a table in which every entry has its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EnergyEntry:
    """The energy of one event in picojoule, and where the figure comes from."""

    pj: float
    source: str


@dataclass(frozen=True)
class EnergyEstimate:
    """The energy of one inference under one profile.

    counts: how often each event happened. parts_pj: energy by event. unpriced: events that happened
    and that the profile has no figure for; while there are any, there is no total. entries: the
    price of one event and its source, for every event that was priced.
    """

    profile: str
    basis: str
    source: str
    parts_pj: Mapping[str, float]
    unpriced: tuple[str, ...] = ()
    static_power_w: float | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    entries: Mapping[str, EnergyEntry] = field(default_factory=dict)

    @property
    def total_pj(self) -> float | None:
        """The sum of the parts, None where an event has no published figure."""
        return None if self.unpriced else sum(self.parts_pj.values())

    def as_json(self) -> dict[str, Any]:
        """Return {"total", "parts", "unpriced", "basis", "source", "static_power_w", "events"}.

        `events` holds {"count", "pj_each", "source"} by event, the last two None where unpriced.
        """
        events = {}
        for event, count in self.counts.items():
            entry = self.entries.get(event)
            pj_each, source = (None, None) if entry is None else (entry.pj, entry.source)
            events[event] = {"count": count, "pj_each": pj_each, "source": source}
        return {
            "total": self.total_pj,
            "parts": dict(self.parts_pj),
            "unpriced": list(self.unpriced),
            "basis": self.basis,
            "source": self.source,
            "static_power_w": self.static_power_w,
            "events": events,
        }


@dataclass(frozen=True)
class EnergyProfile:
    """A named price list: event name -> picojoule with source.

    basis: how the figures were come by (silicon, simulation, arithmetic alone).
    static_power_w: power that flows whether or not anything happens; told apart, never added.
    """

    name: str
    basis: str
    source: str
    entries: Mapping[str, EnergyEntry]
    static_power_w: float | None = None

    @classmethod
    def from_toml(cls, text: str, where: str) -> EnergyProfile:
        """Read a profile: `name`, `basis`, `source`, and `[event.NAME]` with `pj` and `source`.

        Raises:
            InputError: not TOML, a key missing or unknown, or an energy or power that is no finite
                number of at least 0; all faults are listed at once.
        """
        from ..files.toml import parse_toml  # slow to import
        from .profile_file import ProfileFile

        file = parse_toml(
            ProfileFile,
            text,
            f"energy profile {where}",
            expected="name, basis, source and [event.NAME] tables with pj, all finite",
            remedy="compare it with a shipped profile",
        )
        entries = {
            event: EnergyEntry(priced.pj, priced.source or file.source)
            for event, priced in file.event.items()
        }
        return cls(file.name, file.basis, file.source, entries, file.static_power_w)

    def price(self, events: Mapping[str, float]) -> EnergyEstimate:
        """Return the energy of `events` (name -> count per inference)."""
        happened = {event: count for event, count in events.items() if count}
        return EnergyEstimate(
            profile=self.name,
            basis=self.basis,
            source=self.source,
            parts_pj={
                event: count * self.entries[event].pj
                for event, count in happened.items()
                if event in self.entries
            },
            unpriced=tuple(event for event in happened if event not in self.entries),
            static_power_w=self.static_power_w,
            counts=happened,
            entries={event: self.entries[event] for event in happened if event in self.entries},
        )
