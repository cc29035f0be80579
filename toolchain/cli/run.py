"""`axonc run`: spikes in, spikes out, on any target."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import (
    add_json,
    add_model,
    add_target,
    command,
    lowered,
    print_dialect,
    print_json,
    refuse_on_reference,
)

if TYPE_CHECKING:
    import numpy as np

    from axonc.targets import Run

    from ..driver import Execution, Lowering

_EPILOG = """\
Spikes are .npz files, key `spikes`, shape (batch, time, *node shape), bool or counts; for a network
of several inputs a key `spikes/NODE` for each. The output's rasters are aligned to the input: the
latency of the target is removed.

examples:
  axonc run model.nir --input in.npz --output out.npz
  axonc run model.nir --precision int --input in.npz --output out.npz --probe lif1
  axonc run model.nir --target loihi --engine lava --input in.npz --output out.npz
  axonc run model.nir --target loihi --engine netx --input in.npz --output out.npz
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(subparsers, "run", execute, "run a network on a target", _EPILOG)
    add_model(parser)
    add_target(parser)
    parser.add_argument("--engine", help="what executes the program; axonc doctor lists them")
    parser.add_argument(
        "--precision",
        choices=["float", "float32", "int"],
        help="reference only (default: float): the discrete graph in float64 or float32, or the "
        "integer graph",
    )
    parser.add_argument("--input", type=Path, required=True, metavar="IN.npz")
    parser.add_argument("--output", type=Path, required=True, metavar="OUT.npz")
    parser.add_argument(
        "--probe",
        action="append",
        default=[],
        metavar="NODE",
        help="also write spikes/NODE and potential/NODE; may be repeated",
    )
    parser.add_argument(
        "--strict", action="store_true", help="an overflow of any integer state is an error"
    )
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE.json",
        help="binary_synapse: when each core did what, for ui.perfetto.dev (first sample)",
    )
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE.svg",
        help="binary_synapse: the load of cores and links; loihi: the chips",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="all that the target counted, by step, layer, core, link and memory; or FILE.json",
    )
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run, write OUT.npz, print the figures."""
    from axonc.targets import REFERENCE, Verdict

    from ..driver import deploy, run, verdicts
    from ..files import write_text
    from ..ir import Stage
    from ..report import print_figures, print_rows, progress_bar, tables_text
    from ..spike_files import read_spikes, write_arrays

    _refuse_what_the_target_has_not(options)
    spikes = read_spikes(options.input)
    lowering = lowered(options, spikes)
    target = deploy(lowering, options.target) if options.target != REFERENCE else REFERENCE
    with progress_bar("steps", quiet=options.json) as progress:
        done = run(
            lowering,
            spikes,
            target=target,
            engine=options.engine,
            precision=options.precision or "float",
            probes=options.probe,
            progress=progress,
        )
    if options.strict:
        _refuse_overflows(options.model, done)
    write_arrays(options.output, _arrays(lowering, done.run, options.probe))
    deployment = done.deployment
    if options.trace and deployment:
        deployment.write_trace(spikes, options.trace)
    if options.picture and deployment:
        deployment.draw(done.run, options.picture)
    title = f"{options.model} on {done.target} ({done.engine})"
    tables = deployment.tables(done.run) if deployment else {}
    if options.report:
        write_text(options.report, tables_text(options.report, title, done.summary(), tables))
    rounded: list[str] = []
    if done.graph.stage is Stage.INTEGER:
        rows = verdicts(lowering, options.target)
        rounded = [row.node for row in rows if row.verdict is Verdict.APPROXIMATE]
        if rounded:
            print(
                f"axonc: approximate: {', '.join(rounded)} were rounded to integers; axonc check "
                "says how, and with --input what it changes",
                file=sys.stderr,
            )
    for warning in done.warnings:
        print(f"axonc: WARNING: {warning}", file=sys.stderr)
    if options.json:
        print_json(done.summary() | {"approximate": rounded})
    else:
        print_dialect(lowering)
        print_figures(done.summary(), title)
        if tables.get("run"):
            print_rows("Time of a sample; --report tells the rest", tables["run"])
    return 0


def _refuse_overflows(model: Path, done: Execution) -> None:
    from ..cost import Count
    from ..errors import InputError

    if overflows := done.run.counters.get(Count.OVERFLOWS, 0):
        raise InputError(
            f"run of {model} on {done.target}",
            got=f"{overflows} overflows of integer states",
            expected="none, since --strict is set",
            remedy="use fewer fraction bits or smaller weights, or leave --strict out",
        )


def _refuse_what_the_target_has_not(options: argparse.Namespace) -> None:
    """Refuse options that the target would ignore, before anything is read or written."""
    from axonc.targets import REFERENCE, load_target

    from ..errors import InputError

    refuse_on_reference(options, "engine", "trace", "picture")
    if options.target == REFERENCE:
        rounding = options.weight_bits is not None or options.fraction_bits is not None
        if rounding and options.precision != "int":
            raise InputError(
                "--weight-bits or --fraction-bits on target reference",
                got=f"--precision {options.precision or 'float'}, which rounds nothing",
                expected="--precision int, which runs the integer graph",
                remedy="add --precision int, or leave them out",
            )
        return
    chip = load_target(options.target)
    chip.chosen_engine(options.engine)
    if options.trace:
        chip.require_trace()
    if options.picture:
        chip.require_picture(of_run=True)
    if options.precision not in (None, "int"):
        raise InputError(
            f"--precision on target {options.target}",
            got=repr(options.precision),
            expected="none: a chip computes its own integers",
            remedy="leave it out, or run on the reference",
        )


def _arrays(lowering: Lowering, run: Run, probes: list[str]) -> dict[str, np.ndarray]:
    """Return what OUT.npz holds: the first output as `spikes`, all else by name."""
    first = next(iter(lowering.imported.outputs))
    others = {n: array for n, array in run.spikes.items() if n in probes or n != first}
    return {
        "spikes": run.spikes[first],
        **{f"spikes/{name}": array for name, array in others.items()},
        **{f"potential/{name}": array for name, array in run.potentials.items()},
    }
