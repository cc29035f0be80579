"""Energy: counts of events times a table in which every entry has its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .events import Event


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
    parts_pj: Mapping[Event, float]
    unpriced: tuple[Event, ...] = ()
    static_power_w: float | None = None
    counts: Mapping[Event, float] = field(default_factory=dict)
    entries: Mapping[Event, EnergyEntry] = field(default_factory=dict)

    @property
    def total_pj(self) -> float | None:
        """The sum of the parts, None where an event has no published figure."""
        return None if self.unpriced else sum(self.parts_pj.values())


@dataclass(frozen=True)
class EnergyProfile:
    """A named price list: events -> picojoule with source.

    basis: how the figures were obtained (silicon, simulation, arithmetic alone).
    static_power_w: power that flows whether or not anything happens; reported separately.
    """

    name: str
    basis: str
    source: str
    entries: Mapping[Event, EnergyEntry]
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

    def price(self, events: Mapping[Event, float]) -> EnergyEstimate:
        """Return the energy of `events`, counted per inference."""
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
