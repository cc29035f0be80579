"""Finding a Python for Lava, and never taking a half-made environment for a whole one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from axonc.targets.loihi import Loihi, environment, interpreters
from axonc.targets.loihi.requirements import LAVA, NETX
from axonc.toolchain.errors import EngineError


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine with a cache folder of its own and no Python but the candidates of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for wanted in (LAVA, NETX):
        monkeypatch.delenv(wanted.variable, raising=False)
    monkeypatch.setattr(interpreters, "_candidates", lambda: iter(()))
    return tmp_path


def test_a_shim_without_a_version_behind_it_is_passed_over(nowhere, monkeypatch):
    shim = program(nowhere / "shim", "echo 'python3.10: command not found' >&2; exit 127")
    real = program(nowhere / "real", "printf '/opt/python3.10\\n3 10\\n'")
    old = program(nowhere / "old", "printf '/opt/python3.9\\n3 9\\n'")
    candidates = [str(shim), str(nowhere / "absent"), str(old), str(real)]
    monkeypatch.setattr(interpreters, "_candidates", lambda: iter(candidates))
    assert interpreters.find_python(LAVA) == Path("/opt/python3.10")


def test_the_variable_comes_first_and_must_be_right(nowhere, monkeypatch):
    monkeypatch.setenv("AXONC_LAVA_PYTHON", str(nowhere / "absent"))
    with pytest.raises(EngineError, match="AXONC_LAVA_PYTHON: got .*absent.* expected a working"):
        interpreters.find_python(LAVA)


def test_without_any_python_the_remedy_is_told(nowhere):
    with pytest.raises(EngineError, match="install Python 3.10, 3.11 or 3.12, name it in"):
        interpreters.find_python(LAVA)
    status = environment.status(LAVA)
    assert status["installed"] is False and "doctor --install lava" in status["remedy"]


def fake_environment(monkeypatch, base, *, fails):
    """Let the steps of an installation be played: each leaves its traces, the last may fail."""
    monkeypatch.setattr(environment, "find_python", lambda wanted: Path(sys.executable))
    monkeypatch.setattr(environment, "_install_commands", lambda wanted, target: [["install"]])
    steps = []

    def step(wanted, command):
        steps.append(command[0] if command == ["install"] else Path(command[-1]).name)
        if command[1:3] == ["-m", "venv"]:
            (Path(command[-1]) / "bin").mkdir()
        if command == ["install"] and fails:
            raise EngineError("no network")
        return json.dumps({"lava-nc": "0.10.0"})

    monkeypatch.setattr(environment, "_step", step)
    return steps


def test_a_failed_installation_leaves_nothing_that_looks_whole(nowhere, monkeypatch):
    fake_environment(monkeypatch, nowhere, fails=True)
    with pytest.raises(EngineError, match="no network"):
        environment.install(LAVA)
    folder = environment.environment_folder(LAVA, Path(sys.executable))
    assert [p.name for p in folder.parent.iterdir()] == [f"{folder.name}.lock"]
    assert environment.status(LAVA)["installed"] is False


def test_an_unfinished_environment_is_made_anew_and_a_whole_one_kept(nowhere, monkeypatch, caplog):
    caplog.set_level("INFO", "axonc")
    folder = environment.environment_folder(LAVA, Path(sys.executable))
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half")
    steps = fake_environment(monkeypatch, nowhere, fails=False)
    python = environment.engine_python(LAVA)
    assert not python.exists() and len(steps) == 3  # the half-made one is gone
    assert environment.status(LAVA)["versions"] == {"lava-nc": "0.10.0"}
    assert environment.engine_python(LAVA) == python and len(steps) == 3
    assert caplog.messages == ["making Lava's own environment, once (0.4 GB)"]


def test_a_failing_step_shows_its_output():
    with pytest.raises(EngineError, match="ended with 3:\nout\nwhy"):
        environment._step(LAVA, ["sh", "-c", "echo out; echo why >&2; exit 3"])


def test_the_doctor_hears_of_lava(nowhere):
    emulator, lava, netx = Loihi().engine_status()
    assert emulator.works and not lava.works and not netx.works
    assert "Lava: got no Python that it runs on" in lava.detail


def test_an_environment_of_gigabytes_is_made_on_demand_only(nowhere, monkeypatch):
    steps = fake_environment(monkeypatch, nowhere, fails=False)
    with pytest.raises(EngineError, match=r"--install netx` makes it \(5.6 GB\); or name a Python"):
        environment.engine_python(NETX)
    assert steps == [] and "5.6 GB" in Loihi().engine_status()[2].detail
    Loihi().install_engine("netx")
    assert len(steps) == 3 and environment.status(NETX)["installed"]


def test_the_variable_may_name_a_python_that_has_the_engine(nowhere, monkeypatch):
    whole = program(nowhere / "whole", "exit 0")
    without = program(nowhere / "without", "echo PackageNotFoundError >&2; exit 1")
    monkeypatch.setenv("AXONC_NETX_PYTHON", str(whole))
    assert environment.engine_python(NETX) == whole
    assert Loihi().engine_status()[2].works
    monkeypatch.setenv("AXONC_NETX_PYTHON", str(without))
    with pytest.raises(EngineError, match="AXONC_NETX_PYTHON: got .*without.* Python 3.10. Corr"):
        environment.engine_python(NETX)


def test_importing_the_target_imports_neither_lava_nor_numba():
    code = (
        "import sys, axonc.targets.loihi; print([m for m in ('lava', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
