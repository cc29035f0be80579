"""Places on a mesh: every part in a slot of its own, near its partners, repeatable."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.targets.mesh_placement import MeshTraffic, place_on_mesh


def mesh(columns: int, rows: int) -> np.ndarray:
    """Return the slots of a mesh, row by row."""
    return np.stack([np.arange(columns * rows) % columns, np.arange(columns * rows) // columns], 1)


@given(
    columns=st.integers(1, 8),
    rows=st.integers(1, 8),
    share=st.floats(0, 1),
    density=st.floats(0, 1),
    seed=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_parts_never_share_a_slot_and_never_lie_further_apart_than_in_order(
    columns: int, rows: int, share: float, density: float, seed: int
) -> None:
    slots, pin = mesh(columns, rows), np.array([[0, 0]])
    parts = int(share * len(slots))
    rng = np.random.default_rng(seed)
    messages = rng.integers(0, 1 << 40, (parts + 1, parts + 1))
    messages *= rng.random(messages.shape) < density
    one, other = np.nonzero(messages)
    traffic = MeshTraffic.between(one, other, messages[one, other], parts, pins=1)

    slot_of = place_on_mesh(traffic, slots, np.arange(parts), pins=pin, seed=seed)
    assert len(set(slot_of.tolist())) == parts
    assert ((slot_of >= 0) & (slot_of < len(slots))).all()
    again = place_on_mesh(traffic, slots, np.arange(parts), pins=pin, seed=seed)
    np.testing.assert_array_equal(slot_of, again)
    in_order = traffic.links(np.concatenate([slots[:parts], pin]))
    placed = traffic.links(np.concatenate([slots[slot_of], pin]))
    assert placed <= in_order
    xy = np.concatenate([slots[slot_of], pin])
    distance = np.abs(xy[one] - xy[other]).sum(axis=1)
    assert placed == int((messages[one, other] * distance).sum())


def test_a_shuffled_grid_is_nearly_put_together_again() -> None:
    slots = mesh(8, 8)
    shuffled = np.random.default_rng(0).permutation(64)
    east = [(y * 8 + x, y * 8 + x + 1) for y in range(8) for x in range(7)]
    south = [(y * 8 + x, y * 8 + x + 8) for y in range(7) for x in range(8)]
    one, other = shuffled[np.array(east + south)].T
    traffic = MeshTraffic.between(one, other, np.full(len(one), 5), parts=64)
    slot_of = place_on_mesh(traffic, slots, np.arange(64))
    least = 5 * len(one)  # each message one link
    assert traffic.links(slots[slot_of]) < 1.3 * least
    assert traffic.links(slots) > 4 * least


def test_pins_pull() -> None:
    traffic = MeshTraffic.between(np.array([0]), np.array([1]), np.array([3]), parts=1, pins=1)
    slot_of = place_on_mesh(traffic, mesh(5, 5), np.array([24]), pins=np.array([[0, 0]]))
    assert slot_of.tolist() == [0]
