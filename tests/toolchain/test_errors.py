"""Messages: four parts, and a remedy that can be copied."""

from __future__ import annotations

import pytest

from axonc.models.errors import TrainingInputError
from axonc.toolchain.errors import InputError


@pytest.mark.parametrize("kind", [InputError, TrainingInputError])
@pytest.mark.parametrize(
    ("remedy", "sentence"),
    [
        ("use another", "Use another."),
        ("scale it, or not!", "Scale it, or not!"),
        ("pip install axonc[train]", "pip install axonc[train]."),
        ("axonc doctor shows what is there", "axonc doctor shows what is there."),
        ("apt-get install g++", "apt-get install g++."),
        ("docs/formats.md has an example", "docs/formats.md has an example."),
        ("--precision float runs it", "--precision float runs it."),
    ],
)
def test_commands_and_paths_stay_as_they_are(
    kind: type[Exception], remedy: str, sentence: str
) -> None:
    error = kind("it", got="this", expected="that", remedy=remedy)  # type: ignore[call-arg]
    assert str(error) == f"it: got this, expected that. {sentence}"
