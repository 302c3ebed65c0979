"""The command line: one file a command under `roofscape.commands`, imported only when it is called."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from roofscape import __version__
from roofscape.arguments import (
    add_calibration,
    add_exploration,
    add_measurement,
    add_model_and_machine,
    add_output,
    add_query,
    add_question,
    add_reproduction,
    add_scenario,
    add_sweep,
    add_validation,
    designs,
    workers,
)
from roofscape.parsing import Parser

COMMANDS = {
    "estimate": "time, bound and fit of a model on a machine",
    "compare": "the same question on several machines, side by side",
    "specs": "machines in the catalogue, and where each value comes from",
    "workloads": "models in the catalogue, and their operators",
    "explore": "which design of a space is best: found by any of several explorers, or proved",
    "sweep": "every design of a space scored into a folder of parquet; killed at any time, it goes on where it stopped",
    "query": "rows of such a folder that fulfil a formula, and the front among them",
    "reproduce": "published results of systems beside ours: claim by claim, within its tolerance or not, and why",
    "validate": "predictions held against measured kernels: every row predicted, every group scored",
    "measure": "real kernels run on this machine, timed, as a table that validate reads",
    "calibrate": "a spec of this machine with measured ceilings, and fitted corrections, from such a table",
    "bench": "designs a second that this machine evaluates",
    "demo": "one model on five machines: what binds, and what ten percent more of each parameter would buy",
}


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(prog="roofscape", description="How fast would this model run on that machine, and what limits it?")
    top.add_argument("--version", action="version", version=f"roofscape {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    by_name = {name: commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".") for name, text in COMMANDS.items()}
    add_model_and_machine(by_name["estimate"])
    add_scenario(by_name["estimate"])
    add_question(by_name["estimate"])
    add_output(by_name["estimate"])
    by_name["estimate"].add_argument("--no-elasticities", action="store_true", help="leave out what each hardware parameter is worth")
    add_model_and_machine(by_name["compare"], several=True)
    add_scenario(by_name["compare"])
    add_question(by_name["compare"])
    add_output(by_name["compare"])
    for name, what in (("specs", "machine or link"), ("workloads", "model")):
        by_name[name].add_argument("name", nargs="?", metavar="NAME", help=f"a {what}; all are listed if none is named")
        by_name[name].add_argument("--json", action="store_true", help="print JSON")
    by_name["specs"].add_argument("--check", action="store_true", help="what is assumed, what rests on one source, and where sources disagree")
    add_exploration(by_name["explore"])
    add_sweep(by_name["sweep"])
    add_query(by_name["query"])
    add_reproduction(by_name["reproduce"])
    add_validation(by_name["validate"])
    add_measurement(by_name["measure"])
    add_calibration(by_name["calibrate"])
    by_name["bench"].add_argument("--json", action="store_true", help="print JSON")
    by_name["bench"].add_argument("--designs", type=designs, default=4e6, help="designs at roofline fidelity; a tenth of them at tile (default: %(default)g)")
    by_name["bench"].add_argument("--workers", type=workers, default=None, help="threads (default: one a core)")
    by_name["demo"].add_argument("--html", default="roofscape-demo.html", help="where the page is written (default: %(default)s)")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 2 for input that cannot be used."""
    options = parser().parse_args(arguments)
    from magnitudes.errors import InputError

    try:
        return int(import_module(f"roofscape.commands.{options.command}").run(options) or 0)
    except InputError as error:
        print(f"roofscape {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
