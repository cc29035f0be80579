"""Every example runs as a user would run it, and says what its text promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

SAYS = {
    "01_export_norse_network.py": [
        "2: 0 of 115200 spike bins differ from norse",
        "0        Affine  exact        bias folded into '2'; BIPOLAR: 1 sign bit a synapse",
        "accuracy on unseen samples: norse 1.00, integers 1.00",
        "written norse_network.nir",
    ],
    "02_simulate_on_lava.py": [
        "hidden: 0 of 1536 membrane potentials differ",
        "readout: 175 spikes, 0 bins differ",
        "latency of the chip: 2 steps",
    ],
    "03_estimate_memory_and_energy.py": [
        "=== reference: ",
        "sana-fe-silicon-fit: ",
        "Memory: binary-synapse accelerator",
        "source: M. Horowitz",
    ],
    "04_run_on_the_accelerator.py": [
        "edge with 16 lanes: ",
        "cycles a sample, equal: True",
        "barrier ",
    ],
    "05_add_a_target.py": [
        "with 12 fraction bits: graph 'small' cannot be lowered to tern16:",
        "node 'hidden' (IntegerNeuron): membranes need 20 bits, 16 at most; use --fraction-bits",
        "with 4 fraction bits: 229 spikes, ",
    ],
}


def test_no_example_is_forgotten() -> None:
    assert sorted(SAYS) == sorted(path.name for path in EXAMPLES.glob("[0-9]*.py"))


@pytest.mark.parametrize("name", SAYS)
def test_example(name: str, tmp_path: Path) -> None:
    if "norse" in name:
        pytest.importorskip("norse", reason="needs the extra `train`")
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "100", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for line in SAYS[name]:
        assert line in done.stdout
    assert "equal: False" not in done.stdout
