"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..driver import Lowering
    from ..frontend import DialectOptions
    from ..ir import Graph
    from ..reference import Spikes


_OPTIONS_OF_PASSES = (
    ("--weight-bits", "integer-weights", "bits"),
    ("--fraction-bits", "fixed-point", "fraction-bits"),
)
"""Option of the command line, the pass that it goes to, and its name there."""


class _OptionOfPass(argparse.Action):
    """An option whose help is what the pass declares, which is imported for the help alone."""

    def __init__(self, *arguments: Any, of: str, option: str, **options: Any) -> None:
        self._declared = of, option
        super().__init__(*arguments, **options)

    def __call__(self, _: Any, namespace: argparse.Namespace, value: Any, flag: Any = None) -> None:
        setattr(namespace, self.dest, value)

    @property
    def help(self) -> str | None:
        from ..passes import pass_named

        of, option = self._declared
        declared = pass_named(of).option(option)
        return f"{declared.meaning}; {declared.expected}"

    @help.setter
    def help(self, _: str | None) -> None:  # which argparse sets to None
        pass


def command(
    subparsers: Any, name: str, execute: Any, help_text: str, epilog: str, *, add_help: bool = True
) -> argparse.ArgumentParser:
    """Add a command; its `epilog` holds examples and is printed as written."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=help_text,
        description=help_text[:1].upper() + help_text[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=add_help,
    )
    parser.set_defaults(execute=execute)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model, its dialect and the options of its lowering."""
    add_model_path(
        parser,
        "a NIR graph, or a .net file of lava-dl; zoo:NAME for a network that comes with axonc",
    )
    add_dialect(parser)
    numbers = parser.add_argument_group("integers")
    for flag, kind, option in _OPTIONS_OF_PASSES:
        numbers.add_argument(
            flag, action=_OptionOfPass, of=kind, option=option, type=int, metavar="N"
        )
    numbers.add_argument(
        "--calibrate",
        type=Path,
        metavar="IN.npz",
        help="spikes to choose by: the fewest fraction bits that keep each layer's spikes; on "
        "binary_synapse also the places of cores, so that spikes travel little",
    )


def add_model_path(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add the positional argument that names a model."""
    parser.add_argument("model", type=_model_path, metavar="MODEL.nir", help=help_text)


def add_dialect(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a NIR graph is read."""
    dialect = parser.add_argument_group(
        "dialect", "what NIR leaves open; whatever is not given is read from the file or assumed"
    )
    dialect.add_argument("--dt", type=float, help="time step, in the file's unit of time")
    dialect.add_argument(
        "--integrator",
        choices=["euler", "exponential", "exponential-delta", "exponential-jump"],
        help="how a leaky state moves on by one step",
    )
    dialect.add_argument(
        "--reset",
        choices=["hard", "hard-next", "subtract", "subtract-next", "subtract-held"],
        help="what a spike does to the membrane potential",
    )
    dialect.add_argument(
        "--if-convention",
        choices=["per-step", "per-second"],
        help="IF neurons: v += r x each step, or v += dt r x",
    )
    dialect.add_argument(
        "--fires-at-threshold",
        action="store_true",
        help="neurons fire at v >= threshold rather than above it (spikingjelly)",
    )
    dialect.add_argument(
        "--w-in",
        choices=["filtered", "jump"],
        help="synaptic currents: filter w_in x by tau_syn, or jump by w_in x each step",
    )
    parser.add_argument(
        "--real-input",
        action="store_true",
        help="the input is real numbers: what leads to the first spikes stays on the host",
    )


def _model_path(text: str) -> Path:
    """Return the path of a model; `zoo:NAME` stands for one of the shipped networks."""
    scheme, _, name = text.partition(":")
    if scheme != "zoo":
        return Path(text)
    from axonc.models import zoo

    if name not in zoo.names():
        raise argparse.ArgumentTypeError(
            f"no network {name!r} in the zoo, which has {', '.join(zoo.names())}"
        )
    return zoo.model_path(name)


def dialect_options(options: argparse.Namespace) -> DialectOptions:
    """Return how a NIR graph is to be read."""
    from ..frontend import DialectOptions
    from ..ir import IFConvention, Integrator, Reset, WInConvention

    return DialectOptions(
        dt=options.dt,
        integrator=options.integrator and Integrator(options.integrator),
        reset=options.reset and Reset(options.reset),
        if_convention=options.if_convention and IFConvention(options.if_convention),
        w_in=options.w_in and WInConvention(options.w_in),
        fires_at_threshold=options.fires_at_threshold,
    )


def loaded(options: argparse.Namespace) -> Graph:
    """Load the NIR graph that the options name, in stage `imported`."""
    from ..frontend import load_graph

    return load_graph(options.model, options=dialect_options(options))


def lowered(options: argparse.Namespace, runs: Spikes | None = None) -> Lowering:
    """Load the model that the options name, and lower it as far as it goes, for given input."""
    from ..driver import lower, lower_foreign, read_foreign
    from ..frontend import DialectOptions
    from ..passes import FixedPoint, IntegerWeights, pass_named
    from ..spike_files import read_spikes

    for flag, kind, option in _OPTIONS_OF_PASSES:
        value = getattr(options, flag.removeprefix("--").replace("-", "_"))
        pass_named(kind).option(option).require(value, flag)
    weights, fixed_point = IntegerWeights(options.weight_bits), FixedPoint(options.fraction_bits)
    calibration = read_spikes(options.calibrate) if options.calibrate else None
    if options.model.suffix != ".nir" and (foreign := read_foreign(options.model)):
        _refuse_options_of_nir(options, dialect_options(options) == DialectOptions())
        return lower_foreign(foreign, calibration=calibration)
    return lower(
        loaded(options),
        weights=weights,
        fixed_point=fixed_point,
        real_input=options.real_input,
        calibration=calibration,
        runs=runs,
    )


def _refuse_options_of_nir(options: argparse.Namespace, without_dialect: bool) -> None:
    """Refuse what says how to read or round a NIR graph, for a network that is integers already."""
    from ..errors import InputError

    rounding = options.weight_bits is not None or options.fraction_bits is not None
    if rounding or options.real_input or not without_dialect:
        raise InputError(
            f"options for {options.model}",
            got="a dialect, --real-input, --weight-bits or --fraction-bits",
            expected="none of them: the file holds integers and leaves nothing open",
            remedy="leave them out",
        )


def add_target(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add --target."""
    parser.add_argument(
        "--target",
        default=None if required else "reference",
        required=required,
        metavar="TARGET",
        help="reference, loihi, binary_synapse or another (see axonc doctor); options in braces: "
        "'loihi{chip_name=loihi2}', 'binary_synapse{architecture=wide}'"
        + ("" if required else "; default: reference"),
    )


def refuse_on_reference(options: argparse.Namespace, *names: str) -> None:
    """Refuse options that only chips obey, before anything is done."""
    from axonc.targets import REFERENCE

    from ..errors import InputError

    for name in names:
        if options.target == REFERENCE and getattr(options, name.replace("-", "_")):
            raise InputError(
                f"--{name} on target reference",
                got="the reference, which is no chip",
                expected="a chip",
                remedy="name one with --target, or leave the option out",
            )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def print_json(document: Any) -> None:
    """Print one JSON object on standard output."""
    json.dump(document, sys.stdout, indent=2)
    print()


def print_dialect(lowering: Lowering) -> None:
    """Tell on standard error how the graph was read, and what of it was assumed."""
    dialect = lowering.imported.dialect
    if dialect is None:
        print("read as integers, of which nothing is open", file=sys.stderr)
        return
    print(
        f"read with dt = {dialect.dt:g}, {dialect.integrator} integration, {dialect.reset} reset",
        file=sys.stderr,
    )
    for note in dialect.notes:
        print(f"  assumed: {note}", file=sys.stderr)
