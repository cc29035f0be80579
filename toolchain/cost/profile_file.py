"""What the TOML file of an energy profile may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from .events import Event

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class PricedEvent(BaseModel):
    """The energy of one event in picojoule; without a source, the profile's holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    pj: Amount
    source: Text | None = None


class ProfileFile(BaseModel):
    """An energy profile; the times beside the prices are read by the chip that has them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Text
    basis: Text
    source: Text
    static_power_w: Amount | None = None
    event: Annotated[dict[Annotated[Event, Field(strict=False)], PricedEvent], Field(min_length=1)]
    time_basis: Text | None = None
    time_source: Text | None = None
    time: dict[str, Any] = {}
    barrier: dict[str, Any] = {}
