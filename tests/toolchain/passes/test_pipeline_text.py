"""Pipelines as text: printed, parsed, and refused where they say nothing that can be run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.errors import InputError
from axonc.toolchain.passes import (
    PASSES,
    FixedPoint,
    IntegerWeights,
    Prune,
    integer_pipeline,
    parse_pipeline,
    pass_named,
    pipeline_text,
)
from axonc.toolchain.passes.options import Numbers


@st.composite
def passes(draw: st.DrawFn) -> object:
    """Any pass with any legal options."""
    kind = pass_named(draw(st.sampled_from(sorted(PASSES))))
    values: dict[str, object] = {}
    for option in kind.options():
        if draw(st.booleans()):
            continue
        match option.legal:
            case Numbers(least, most, True):
                values[option.field_name] = draw(st.integers(int(least), int(most)))
            case Numbers(least, most):
                top = None if math.isinf(most) else most
                values[option.field_name] = draw(st.floats(least, top, allow_infinity=False))
            case None:
                pairs = st.dictionaries(st.text(), st.integers(0, 24))
                values[option.field_name] = tuple(draw(pairs).items())
            case kind_of_choice:
                values[option.field_name] = draw(st.sampled_from(list(kind_of_choice)))
    return kind(**values)


@settings(deadline=None)
@given(st.lists(passes(), min_size=1, max_size=4))
def test_what_is_printed_is_parsed_to_the_same(made: list[object]) -> None:
    assert parse_pipeline(pipeline_text(made)) == tuple(made)


def test_the_text_of_a_pipeline() -> None:
    made = (Prune(), IntegerWeights(bits=4), FixedPoint(2, fraction_bits_of=(("a b", 3),)))
    text = 'prune,integer-weights{bits=4},fixed-point{fraction-bits=2,fraction-bits-of={"a b": 3}}'
    assert pipeline_text(made) == text
    spaced = " prune , integer-weights{ bits = 4 },fixed-point{fraction-bits=2," + text[-28:]
    assert parse_pipeline(spaced) == made


def test_every_pass_of_the_usual_pipeline_can_be_named() -> None:
    assert {step.name for step in integer_pipeline()} | {"discretize"} == set(PASSES)
    for name in PASSES:
        assert pass_named(name).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "prun",
            "pass: got 'prun', expected one of average-to-sum, discretize, fixed-point, fold-bias, "
            "integer-weights, merge-connections, positive-gains, prune, sink-scales, "
            "weigh-direct-edges. Did you mean prune?",
        ),
        (
            "integer-weights{weight-bits=4}",
            "option of pass integer-weights: got 'weight-bits', expected one of bits. "
            "Did you mean bits?",
        ),
        (
            "fold-bias{x=1}",
            "option of pass fold-bias: got 'x', expected none, for it has no options. "
            "See axonc lower --help.",
        ),
        (
            "integer-weights{bits=many}",
            "option bits of pass integer-weights: got 'many', expected a whole number from 1 to "
            "16. Leave it out to have it chosen.",
        ),
        (
            "fixed-point{rounding=up}",
            "option rounding of pass fixed-point: got 'up', expected one of toward-zero, floor. "
            "Leave it out for toward-zero.",
        ),
        (
            "fixed-point{fraction-bits-of={1}}",
            "pipeline of passes, character 30: got '{1}}', expected a JSON object. "
            "Write PASS{OPTION=VALUE,...},PASS,... as in prune,integer-weights{bits=8}.",
        ),
        (
            "fixed-point{fraction-bits-of=3}",
            "option fraction-bits-of of pass fixed-point: got '3', expected a number for each "
            'node, {"NODE": 3}. Leave it out for {}.',
        ),
        (
            "",
            "pipeline of passes, character 1: got the end, expected the name of a pass. "
            "Write PASS{OPTION=VALUE,...},PASS,... as in prune,integer-weights{bits=8}.",
        ),
        (
            "prune fold-bias",
            "pipeline of passes, character 7: got 'fold-bias', expected ','. "
            "Write PASS{OPTION=VALUE,...},PASS,... as in prune,integer-weights{bits=8}.",
        ),
        (
            "prune{",
            "pipeline of passes, character 7: got the end, expected an option of prune. "
            "Write PASS{OPTION=VALUE,...},PASS,... as in prune,integer-weights{bits=8}.",
        ),
    ],
)
def test_text_that_is_no_pipeline(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_pipeline(text)
    assert str(caught.value) == message


@given(st.text(alphabet='prune,{}=:"1 integer-weights{bits=8}', max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_pipeline(text)
    except InputError:
        pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: IntegerWeights(17),
            "option bits of pass integer-weights: got 17, expected a whole number from 1 to 16. "
            "Leave it out to have it chosen.",
        ),
        (
            lambda: IntegerWeights(True),
            "option bits of pass integer-weights: got True, expected a whole number from 1 to 16. "
            "Leave it out to have it chosen.",
        ),
        (
            lambda: FixedPoint(-1),
            "option fraction-bits of pass fixed-point: got -1, expected a whole number from 0 to "
            "24. Leave it out to have it chosen.",
        ),
        (
            lambda: FixedPoint(2.5),
            "option fraction-bits of pass fixed-point: got 2.5, expected a whole number from 0 to "
            "24. Leave it out to have it chosen.",
        ),
        (
            lambda: FixedPoint(tolerance=math.nan),
            "option tolerance of pass fixed-point: got nan, expected a number of at least 0. "
            "Leave it out for 0.00390625.",
        ),
        (
            lambda: FixedPoint(rounding="floor"),
            "option rounding of pass fixed-point: got 'floor', expected one of toward-zero, floor. "
            "Leave it out for toward-zero.",
        ),
        (
            lambda: Prune(0),
            "option horizon-steps of pass prune: got 0, expected a whole number from 1 to "
            "1099511627776. Leave it out for 1048576.",
        ),
    ],
)
def test_options_are_checked_where_a_pass_is_made(make: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == message


def test_numbers_of_numpy_are_numbers() -> None:
    made = FixedPoint(np.int64(3), tolerance=np.float32(0.5))
    assert parse_pipeline(str(made)) == (FixedPoint(3, tolerance=0.5),)
