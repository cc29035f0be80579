"""Finding a Python for Lava, and never taking a half-made environment for a whole one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from axonc.targets.loihi import Loihi, lava_environment
from axonc.toolchain.errors import EngineError


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine with a cache folder of its own and no Python but the candidates of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("AXONC_LAVA_PYTHON", raising=False)
    monkeypatch.setattr(lava_environment, "_candidates", lambda: iter(()))
    return tmp_path


def test_a_shim_without_a_version_behind_it_is_passed_over(nowhere, monkeypatch):
    shim = program(nowhere / "shim", "echo 'python3.10: command not found' >&2; exit 127")
    real = program(nowhere / "real", "printf '/opt/python3.10\\n3 10\\n'")
    old = program(nowhere / "old", "printf '/opt/python3.9\\n3 9\\n'")
    candidates = [str(shim), str(nowhere / "absent"), str(old), str(real)]
    monkeypatch.setattr(lava_environment, "_candidates", lambda: iter(candidates))
    assert lava_environment.find_python() == Path("/opt/python3.10")


def test_the_variable_comes_first_and_must_be_right(nowhere, monkeypatch):
    monkeypatch.setenv("AXONC_LAVA_PYTHON", str(nowhere / "absent"))
    with pytest.raises(EngineError, match="AXONC_LAVA_PYTHON: got .*absent.* expected a working"):
        lava_environment.find_python()


def test_without_any_python_the_remedy_is_told(nowhere):
    with pytest.raises(EngineError, match="install Python 3.10, 3.11 or 3.12, name it in"):
        lava_environment.find_python()
    status = lava_environment.lava_status()
    assert status["installed"] is False and "doctor --install lava" in status["remedy"]


def fake_environment(monkeypatch, base, *, fails):
    """Let the steps of an installation be played: each leaves its traces, the last may fail."""
    monkeypatch.setattr(lava_environment, "find_python", lambda: Path(sys.executable))
    monkeypatch.setattr(lava_environment, "_install_commands", lambda target: [["install"]])
    steps = []

    def step(command):
        steps.append(command[0] if command == ["install"] else Path(command[-1]).name)
        if command[1:3] == ["-m", "venv"]:
            (Path(command[-1]) / "bin").mkdir()
        if command == ["install"] and fails:
            raise EngineError("no network")
        return json.dumps({"lava-nc": "0.10.0"})

    monkeypatch.setattr(lava_environment, "_step", step)
    return steps


def test_a_failed_installation_leaves_nothing_that_looks_whole(nowhere, monkeypatch):
    fake_environment(monkeypatch, nowhere, fails=True)
    with pytest.raises(EngineError, match="no network"):
        lava_environment.install_lava()
    folder = lava_environment.environment_folder(Path(sys.executable))
    assert [p.name for p in folder.parent.iterdir()] == [f"{folder.name}.lock"]
    assert lava_environment.lava_status()["installed"] is False


def test_an_unfinished_environment_is_made_anew_and_a_whole_one_kept(nowhere, monkeypatch):
    folder = lava_environment.environment_folder(Path(sys.executable))
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half")
    steps = fake_environment(monkeypatch, nowhere, fails=False)
    python = lava_environment.lava_python()
    assert not python.exists() and len(steps) == 3  # the half-made one is gone
    assert lava_environment.lava_status()["versions"] == {"lava-nc": "0.10.0"}
    assert lava_environment.lava_python() == python and len(steps) == 3


def test_a_failing_step_shows_its_output():
    with pytest.raises(EngineError, match="ended with 3:\nout\nwhy"):
        lava_environment._step(["sh", "-c", "echo out; echo why >&2; exit 3"])


def test_the_doctor_hears_of_lava(nowhere):
    emulator, lava = Loihi().engine_status()
    assert emulator.works and not lava.works
    assert "Lava: got no Python that it runs on" in lava.detail


def test_importing_the_target_imports_neither_lava_nor_numba():
    code = (
        "import sys, axonc.targets.loihi; print([m for m in ('lava', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
