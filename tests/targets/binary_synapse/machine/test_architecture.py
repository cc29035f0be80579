"""Parameter files: the shipped ones are sound, the impossible ones are refused with all faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from axonc.targets.binary_synapse import (
    BinarySynapse,
    architecture_from_toml,
    load_architecture,
    preset_names,
)
from axonc.toolchain.errors import InputError

SMALLEST = """
name = "smallest"
clock_mhz = 1
[core]
axons = 1
neurons = 1
synapse_capacity_bits = 1
synapse_lanes = 1
[mesh]
columns = 1
rows = 1
"""


def test_presets_are_sound() -> None:
    assert preset_names() == ["edge", "tiny_odin_like", "truenorth_like", "wide"]
    for name in preset_names():
        assert load_architecture(name).name == name


def test_smallest_file_is_enough() -> None:
    assert architecture_from_toml(SMALLEST, "here").cores == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            ("synapse_lanes = 1", "synapse_lanes = 0"),
            "core.synapse_lanes = 0 (input should be greater than or equal to 1)",
        ),
        (
            ("columns = 1", "columns = 1\nfifo_depth = 0"),
            "mesh.fifo_depth = 0 (input should be greater than or equal to 1)",
        ),
        (("axons = 1", "axons = 2.5"), "core.axons = 2.5 (input should be a valid integer)"),
        (("axons = 1", "axnos = 1"), "core.axons (field required); core.axnos = 1 (extra"),
        (("[mesh]", "membrane_ports = 3\n[mesh]"), "core.membrane_ports = 3"),
        (
            ("[mesh]", "membrane_bits = 4\nthreshold_bits = 6\n[mesh]"),
            "threshold_bits = 6 can never be reached by membranes of 4 bits",
        ),
        (("clock_mhz = 1", "clock_mhz = nan"), "clock_mhz = nan"),
        (("clock_mhz = 1", "clock_mhz = "), "Invalid value (at line 3, column 13)"),
        (("clock_mhz = 1", 'clock_mhz = 1\nschedule = "fast"'), "schedule = 'fast' (input should"),
    ],
)
def test_parameters_that_make_no_hardware(change: tuple[str, str], fault: str) -> None:
    with pytest.raises(InputError) as caught:
        architecture_from_toml(SMALLEST.replace(*change), "bad.toml")
    text = str(caught.value)
    assert text.startswith("architecture bad.toml: got ")
    assert fault in text
    assert text.endswith("docs/binary_synapse.md lists every parameter and its range.")


def test_unknown_architecture() -> None:
    listed = "a TOML file, or one of edge, tiny_odin_like, truenorth_like, wide"
    with pytest.raises(InputError, match=f"architecture: got 'huge', expected {listed}"):
        BinarySynapse("huge").machine  # noqa: B018


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected a readable text file"):
        load_architecture(path)


def test_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(InputError, match="got 2097152 bytes, expected at most 1048576"):
        load_architecture(path)
