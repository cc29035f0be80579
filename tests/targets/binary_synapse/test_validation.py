"""An architecture that was built in Python is held to the same limits as one from a file."""

from __future__ import annotations

import pytest

from axonc.targets.binary_synapse import BinarySynapse
from axonc.targets.binary_synapse.machine.architecture import load_architecture
from axonc.toolchain.errors import InputError


def test_copies_are_validated() -> None:
    edge = load_architecture("edge")
    core = edge.core.model_copy(update={"synapse_lanes": -5})
    with pytest.raises(InputError, match=r"core.synapse_lanes = -5"):
        BinarySynapse(edge.model_copy(update={"core": core}))
    core = edge.core.model_copy(update={"sinapse_lanes": 5})
    with pytest.raises(InputError, match=r"core.sinapse_lanes"):
        BinarySynapse(edge.model_copy(update={"core": core}))
    with pytest.raises(InputError, match=r"clock_mhz"):
        BinarySynapse(edge.model_copy(update={"clock_mhz": 0.0}))
    assert BinarySynapse(edge).machine == edge
