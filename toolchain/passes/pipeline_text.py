"""Pipelines as text: `prune,integer-weights{bits=8},fixed-point{rounding=floor}`."""

from __future__ import annotations

import difflib
import importlib
import json
import re
from collections.abc import Iterable, Iterator

from ..errors import InputError
from .base import Pass

PASSES = {
    "average-to-sum": "sink_scales:AverageToSum",
    "discretize": "discretize:Discretize",
    "fixed-point": "fixed_point:FixedPoint",
    "fold-bias": "fold_bias:FoldBias",
    "integer-weights": "integer_weights:IntegerWeights",
    "merge-connections": "merge_connections:MergeConnections",
    "positive-gains": "positive_gains:PositiveGains",
    "prune": "prune:Prune",
    "sink-scales": "sink_scales:SinkScales",
    "weigh-direct-edges": "direct_edges:WeighDirectEdges",
}
"""Every pass by its name: the module and the class, imported where it is asked for."""

_NAME = re.compile(r"\s*([^\s,{}=]+)\s*")


def pass_named(name: str) -> type[Pass]:
    """Return the class of a pass.

    Raises:
        InputError: no pass has this name; the message names the nearest.
    """
    if name not in PASSES:
        raise _unknown("pass", name, PASSES)
    module, _, kind = PASSES[name].partition(":")
    found: type[Pass] = getattr(importlib.import_module(f".{module}", __package__), kind)
    return found


def pipeline_text(passes: Iterable[Pass]) -> str:
    """Return passes as the text from which `parse_pipeline` makes them again."""
    return ",".join(map(str, passes))


def parse_pipeline(text: str) -> tuple[Pass, ...]:
    """Return the passes that a text names, in order.

    A pass is its name, and in braces its options as NAME=VALUE. Values are numbers, names, `none`,
    or for an option by node a JSON object.

    Raises:
        InputError: the text is no pipeline, or names a pass, an option or a value that there is
            not.
    """
    return tuple(_passes(text))


def _passes(text: str) -> Iterator[Pass]:
    at = 0
    while True:
        name, at = _name(text, at, "the name of a pass")
        kind = pass_named(name)
        values: dict[str, object] = {}
        if text[at : at + 1] == "{":
            at += 1
            while True:
                option_name, at = _name(text, at, f"an option of {name}")
                at = _expect(text, at, "=")
                declared = {each.name: each for each in kind.options()}
                if option_name not in declared:
                    raise _unknown(f"option of pass {name}", option_name, declared)
                value, at = _value(text, at)
                each = declared[option_name]
                values[each.field_name] = each.parse(value, f"option {option_name} of pass {name}")
                if text[at : at + 1] != ",":
                    break
                at += 1
            at = _expect(text, at, "}")
        yield kind(**values)
        if at == len(text):
            return
        at = _expect(text, at, ",")


def _name(text: str, at: int, what: str) -> tuple[str, int]:
    match = _NAME.match(text, at)
    if match is None:
        raise _malformed(text, at, what)
    return match.group(1), match.end()


def _value(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] == "{":
        try:
            _, end = json.JSONDecoder().raw_decode(text, at)
        except (ValueError, RecursionError):
            raise _malformed(text, at, "a JSON object") from None
        return text[at:end], end
    return _name(text, at, "a value")


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise _malformed(text, at, repr(character))
    return at + 1


def _malformed(text: str, at: int, expected: str) -> InputError:
    return InputError(
        f"pipeline of passes, character {at + 1}",
        got=repr(text[at : at + 20]) if at < len(text) else "the end",
        expected=expected,
        remedy="write PASS{OPTION=VALUE,...},PASS,... as in prune,integer-weights{bits=8}",
    )


def _unknown(what: str, got: str, known: Iterable[str]) -> InputError:
    names = list(known)
    near = difflib.get_close_matches(got, names, n=3, cutoff=0.5)
    return InputError(
        what,
        got=repr(got),
        expected=f"one of {', '.join(names)}" if names else "none, for it has no options",
        remedy=f"did you mean {' or '.join(near)}?" if near else "see axonc lower --help",
    )
