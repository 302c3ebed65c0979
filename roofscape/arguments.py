"""Arguments that commands share. Nothing heavy is imported here: help must be instant."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Parser = argparse.ArgumentParser

TRAINING = (
    ("sequence", "TOKENS", "tokens of a sequence (default: 2048)"),
    ("micro-batch", "N", "sequences that a replica takes through the model at once (default: 1)"),
    ("zero", "STAGE", "replicas part 1: the optimizer's states, 2: gradients too, 3: weights too (default: 0)"),
    ("recompute", "SHARE", "of the layers, whose activations are computed again instead of kept (default: 0)"),
    ("interleave", "N", "stretches of layers that each stage of the pipeline has (default: 1)"),
    ("hidden-exchange", "SHARE", "of what replicas exchange, that may run beside computing (default: 0)"),
    ("gradient-byte", "N", "of a gradient (default: 2)"),
    ("optimizer-byte", "N", "of the optimizer's states of a weight: Adam 12 (default), with 8-bit states 6"),
)


def numbers(text: str) -> list[float]:
    """One number or several, separated by commas; k and M stand for thousands (1024) and millions."""
    try:
        return [_number(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number or list of numbers such as 1,8,32 or 8k") from None


def _number(text: str) -> float:
    scale = {"k": 1024.0, "K": 1024.0, "m": 2.0**20, "M": 2.0**20}.get(text.strip()[-1:])
    return float(text) if scale is None else float(text.strip()[:-1]) * scale


def sparsity(text: str) -> list[Any]:
    """``2:4``, or one share or several."""
    return [text.strip()] if ":" in text else numbers(text)


def lora(text: str) -> dict[str, Any]:
    """``rank=16,adapters=8,held=4,on=qkv+out``."""
    pairs = {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in names(text))}
    on = pairs.pop("on", None)
    try:
        found: dict[str, Any] = {key: float(value) for key, value in pairs.items()}
    except ValueError:
        found = {"": text}
    if not set(found) <= {"rank", "adapters", "held"} or on == "" or not (found or on):
        raise argparse.ArgumentTypeError(f"{text!r} should be such as rank=16,adapters=8,held=4,on=qkv+out")
    return found | ({"on": tuple(part.strip() for part in on.split("+"))} if on else {})


def names(text: str) -> list[str]:
    """One name or several, separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty place; write one name, or several separated by commas")
    return parts


def name(text: str) -> str:
    """One name."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return text.strip()


def designs(text: str) -> float:
    """How many designs to measure."""
    try:
        count = float(text)
    except ValueError:
        count = -1.0
    if not 1 <= count <= 1e12:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of designs from 1 to 1e12, such as 4e6")
    return count


def workers(text: str) -> int:
    """How many threads to use."""
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of threads from 1 to 1024")
    return int(text)


def setting(text: str) -> tuple[str, list[str]]:
    """``PATH=VALUE[,VALUE...]``, a hardware number to change."""
    path, equals, value = text.partition("=")
    if not equals or not path or not value:
        raise argparse.ArgumentTypeError(f"{text!r} should be PATH=VALUE, such as hbm.bandwidth=4TB/s")
    return path.strip(), names(value)


def group(text: str) -> tuple[str, ...]:
    """Operators that run as one, by name."""
    parts = tuple(part.strip() for part in text.split("+"))
    if len(parts) < 2 or not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no group of operators such as gate_up+activation+down")
    return parts


def dim(text: str) -> tuple[str, float]:
    """``NAME=N``, a symbolic dimension of a graph."""
    name, equals, size = text.rpartition("=")
    try:
        number = _number(size)
    except (ValueError, IndexError):
        number = -1.0
    if not equals or not name.strip() or number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be NAME=N, such as sequence=128")
    return name.strip(), number


def add_model_and_machine(parser: Parser, *, several: bool = False) -> None:
    """The model and the machine or machines."""
    parser.add_argument("model", metavar="MODEL", type=name, help="a model's name, or the path of a Hugging Face config.json or an ONNX file")
    what = "machines, separated by commas" if several else "a machine (h100-sxm, 8xh100-sxm, dgx-a100, this-machine), or the path of a spec's YAML"
    parser.add_argument("--on", required=True, metavar="MACHINE", type=names if several else name, help=what)


def add_scenario(parser: Parser) -> None:
    """What is asked of the model; several values make several designs."""
    group = parser.add_argument_group("scenario (several values, separated by commas, make several designs)")
    phases = ("prefill", "decode", "inference", "mixed", "images", "diffusion", "samples", "train")
    group.add_argument(
        "--phase", choices=phases, help="one pass over the prompt, one token a sequence, a request from prompt to last token (default), or a training step"
    )
    many: Callable[[str], Any] = numbers
    group.add_argument("--batch", type=many, metavar="N", help="sequences, images or samples (default: 1)")
    group.add_argument("--prompt", type=many, metavar="TOKENS", help="prompt length (default: 2048)")
    group.add_argument("--output", type=many, metavar="TOKENS", help="tokens generated (default: 512)")
    group.add_argument("--context", type=many, metavar="TOKENS", help="tokens before the one that is decoded (default: 2048)")
    group.add_argument("--cached-prompt", type=many, metavar="TOKENS", help="of the prompt, what lies in the cache already; a share where below one")
    group.add_argument("--kv-keep", type=many, metavar="TOKENS", help="tokens of a sequence that the cache keeps at most, the others evicted (default: all)")
    group.add_argument("--lora", type=lora, metavar="rank=R,adapters=N", help="low-rank adapters of requests; also held=N in main memory, on=qkv+out")
    group.add_argument("--draft", type=name, metavar="MODEL", help="a small model whose proposals are verified, or medusa[:heads=N,tree=N], eagle, eagle3")
    group.add_argument("--speculate", type=many, metavar="TOKENS", help="tokens that the draft proposes at a time (default: 4, or as many as heads)")
    group.add_argument("--acceptance", type=many, metavar="SHARE", help="chance that a proposed token is accepted, 0 to 1")
    group.add_argument("--chunk", type=many, metavar="TOKENS", help="prompt tokens in a mixed batch (default: 512)")
    group.add_argument("--dim", type=dim, action="append", default=[], metavar="NAME=N", help="a symbolic dimension of an ONNX graph (default: 1)")
    group.add_argument("--steps", type=many, metavar="N", help="denoising steps of a diffusion model (default: 50)")
    train = parser.add_argument_group("training (--phase train; --batch is that of a step, over all replicas)")
    for option, metavar, text in TRAINING:
        train.add_argument(f"--{option}", type=many, metavar=metavar, help=text)
    train.add_argument("--sequence-parallel", action="store_const", const=[1.0], help="tensor parallelism shares what its chips would keep alike")


def add_question(parser: Parser) -> None:
    """How the model is cut, in which formats, and how exactly it is estimated."""
    cut = parser.add_argument_group("parallelism (default: tensor parallelism over all chips)")
    for option, text in (("tp", "tensor"), ("pp", "pipeline"), ("ep", "expert"), ("dp", "data")):
        cut.add_argument(f"--{option}", type=numbers, metavar="N", help=f"{text} parallelism")
    formats = parser.add_argument_group("formats")
    formats.add_argument("--dtype", type=names, default=[], help="of weights and matrix products (default: bf16; an ONNX graph's own)")
    formats.add_argument("--activation-dtype", type=name, help="of what enters matrix products, where it differs from the weights'")
    formats.add_argument("--sparsity", type=sparsity, metavar="SHARE", help="zeros among the weights: 2:4, or their share where they lie anywhere, such as 0.8")
    formats.add_argument("--kv-dtype", type=name, help="of keys and values (default: as the stream between operators, 16 bits or wider)")
    how = parser.add_argument_group("estimator")
    how.add_argument("--fidelity", default="tile", help="roofline (the physical floor) or tile (kernel by kernel; default)")
    how.add_argument("--timing", default="graph", help="how kernels are started: kernel, graph (default) or eager")
    how.add_argument("--no-correction", dest="correction", action="store_false", help="the tile law's physics alone, without what was learned on top")
    how.add_argument("--no-coprocessing", dest="coprocess", action="store_false", help="no two engines of a chip share the experts or heads of an operator")
    how.add_argument("--overlap", action="store_true", help="sums behind a product are exchanged while it is computed")
    how.add_argument(
        "--mapping", type=name, default="folds", metavar="HOW",
        help="of layers on a spatial array: folds (the closed form; default), search (tiles and loop orders; search:time, search:energy), or a JSON file",
    )  # fmt: skip
    how.add_argument("--spill", action="store_true", help="what does not fit main memory may lie in the tier behind it")
    how.add_argument(
        "--fuse",
        type=group,
        action="append",
        default=[],
        metavar="OP+OP",
        help="operators that run as one section, on a streaming chip: gate_up+activation+down",
    )
    how.add_argument("--offload", type=name, metavar="KIND=TIER", help="weights or caches that lie behind main memory: weights=host:0.5,kv=ssd")
    how.add_argument("--set", type=setting, action="append", default=[], metavar="PATH=VALUE", help="change a hardware number: --set hbm.bandwidth=4TB/s,8TB/s")


def add_output(parser: Parser) -> None:
    """Where results go besides the terminal."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print JSON: an object, or a list where several designs are asked")
    group.add_argument("--csv", metavar="FILE", type=name, help="write a table, a row a design")
    group.add_argument("--html", metavar="FILE", type=name, help="write one self-contained page")
    group.add_argument("--energy", action="store_true", help="energy by operator and tier, mean power against the limit, and area")
    group.add_argument("--png", metavar="FILE", type=name, help="write a picture of its figures, for papers (extra png, and Chrome or Chromium)")


def add_exploration(parser: Parser) -> None:
    """Which space, by which explorers, at what budget."""
    parser.add_argument(
        "space", metavar="SPACE", nargs="?", help="a shipped space's name (--list), or the path of a YAML file; several, separated by commas, with --race"
    )
    parser.add_argument("--list", action="store_true", help="the shipped spaces and the explorers")
    parser.add_argument("--describe", action="store_true", help="the space itself: its axes, its size, what its constraints leave of a draw of designs")
    parser.add_argument("--schema", action="store_true", help="print what a space's file may say, as JSON Schema")
    parser.add_argument(
        "--with", dest="explorers", type=names, default=None, metavar="NAME", help="explorers, separated by commas (default: exact, else random)"
    )
    parser.add_argument("--budget", type=count, default=200, metavar="N", help="distinct designs that each may evaluate (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: %(default)s)")
    parser.add_argument("--seeds", type=count, default=1, metavar="N", help="runs of each explorer, a seed each (default: %(default)s)")
    parser.add_argument("--setting", type=setting, action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter of the explorers")
    parser.add_argument(
        "--study", metavar="PLACE", type=name, help="keep the study of an Optuna sampler: a journal's path, or a database's URL for many machines"
    )
    parser.add_argument("--race", metavar="FILE", type=name, help="compare explorers at 50, 200 and 1000 designs up to --budget, the truth known: Markdown")
    parser.add_argument("--lottery", metavar="FILE", type=name, help="each explorer under every combination of its settings, at the same budgets: Markdown")
    parser.add_argument("--runs", metavar="FOLDER", type=name, help="with --race or --lottery: keep runs there, and do not make again those that it keeps")
    parser.add_argument(
        "--up-to", type=setting, action="append", default=[], metavar="NAME=BUDGET", help="with --race: an explorer's largest budget (gp=50), where it is slow"
    )
    parser.add_argument("--minutes", type=positive, default=None, metavar="N", help="with --race or --lottery: begin no run later, and tell what was run")
    parser.add_argument("--workers", type=workers, default=1, metavar="N", help="with --race or --lottery: processes (default: %(default)s)")
    parser.add_argument("--spec", metavar="YAML", type=name, help="write the best design's chip as a spec, for --on")
    parser.add_argument("--json", action="store_true", help="print JSON: an object, or a list where several explorers or seeds run")
    parser.add_argument("--html", metavar="FILE", type=name, help="write one self-contained page")


def add_sweep(parser: Parser) -> None:
    """Which space, into which folder, by how many."""
    parser.add_argument("space", metavar="SPACE", help="a shipped space's name (`roofscape explore --list`), or the path of a YAML file")
    parser.add_argument("--out", required=True, metavar="FOLDER", type=name, help="the results; a sweep goes on where an earlier one into it stopped")
    parser.add_argument("--sample", type=designs, default=None, metavar="N", help="draw N designs evenly, with repetition, instead of all")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (default: %(default)s)")
    parser.add_argument("--part", type=count, default=1 << 20, metavar="N", help="designs a file (default: %(default)s)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=workers, default=1, metavar="N", help="processes (default: one, which uses all cores)")
    where.add_argument(
        "--ray", metavar="ADDRESS", help="run on a Ray cluster that sees the folder: its address, local, or auto (one that runs here, else local; extra ray)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_query(parser: Parser) -> None:
    """Which rows of which results."""
    parser.add_argument("folder", metavar="FOLDER", help="results that `roofscape sweep` wrote")
    parser.add_argument("condition", metavar="CONDITION", nargs="?", help='a formula over columns, in base units: "tpot_s < 0.02 and usd_per_h < 30"')
    parser.add_argument(
        "--pareto", type=names, default=[], metavar="NAME", help="the front in these columns, NAME:min or NAME:max where it is not the objective's"
    )
    parser.add_argument("--order", type=name, metavar="NAME", help="sort by a column; NAME:max for the largest first")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="rows at most; a front is printed whole (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="infeasible designs, too")
    parser.add_argument("--json", action="store_true", help="print JSON: a list of rows")
    parser.add_argument("--csv", metavar="FILE", type=name, help="write the rows")
    parser.add_argument("--html", metavar="FILE", type=name, nargs="?", const="roofscape-query.html", help="write one self-contained page (default: %(const)s)")
    parser.add_argument("--trajectories", metavar="PARQUET", type=name, help="write all designs of the folder as games for learning from logs, a row a step")


def add_reproduction(parser: Parser) -> None:
    """Which published systems, held against which data."""
    parser.add_argument("systems", metavar="SYSTEM", nargs="*", type=name, help="a published system, or several (default: all)")
    parser.add_argument("--data", metavar="FOLDER", type=name, help="reference tables that some claims need (default: ../shared/data, where it is there)")
    parser.add_argument("--json", action="store_true", help="print JSON: a list of claims with what was published and ours")
    parser.add_argument("--html", metavar="FILE", type=name, help="write one self-contained page")


def add_validation(parser: Parser) -> None:
    """What is validated, how, and where the scores go; what ran, where it is a trace."""
    parser.add_argument("path", metavar="PATH", nargs="?", help="a tidy table (parquet or CSV), a folder of them, or a trace (torch.profiler JSON, nsys CSV)")
    parser.add_argument("--schema", action="store_true", help="print what a tidy table is: its columns, and each operator's dimensions")
    parser.add_argument("--sample", type=int, metavar="N", help="at most N rows of each group, evenly spread")
    parser.add_argument("--left-out", action="store_true", help="judge each device by coefficients that were fitted without its die")
    parser.add_argument("--judge", metavar="FILE", help="write how far off the laws are: seen, left out and corrected, beside a roofline (Markdown)")
    parser.add_argument("--trace", metavar="PARQUET", help="with --judge: a processor's trace as well, of which a third is fitted and the rest judged")
    parser.add_argument("--json", action="store_true", help="print JSON: groups, headline, unscored")
    parser.add_argument("--csv", metavar="FILE", help="write all rows with their predictions")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page")
    parser.add_argument("--model", metavar="MODEL", help="a trace's model: a name, or the path of a Hugging Face config.json")
    parser.add_argument("--on", metavar="MACHINE", help="the machine that a trace was recorded on; for tables, instead of the devices that they name")
    add_scenario(parser)
    add_question(parser)
    parser.set_defaults(timing=None)


def add_measurement(parser: Parser) -> None:
    """What is run, where, and into which file."""
    parser.add_argument("--device", default="cpu", metavar="DEVICE", help="cpu, or cuda for a GPU through PyTorch, ROCm too (default: %(default)s)")
    parser.add_argument("--suite", default="quick", metavar="SUITE", help="quick (every kernel a few times), full, or layer (whole transformer layers)")
    parser.add_argument("--out", required=True, type=name, metavar="PARQUET", help="the table; measuring goes on where an earlier run into it stopped")
    parser.add_argument("--backend", default=[], type=names, metavar="LIBRARY", help="numpy, torch or both, separated by commas (default: what is installed)")
    parser.add_argument("--timing", default=[], type=names, metavar="CONTEXT", help="on a GPU: kernel, graph, eager or several (default: all three)")
    parser.add_argument("--budget", default=None, type=positive, metavar="SECONDS", help="time for all repeats together (default: up to 0.4 s a kernel)")
    parser.add_argument("--rounds", default=1, type=count, metavar="N", help="go through the suite N times; the fastest round of each kernel counts")
    parser.add_argument("--name", default=None, metavar="DEVICE", help="device name of the rows (default: this-machine, or what the GPU calls itself)")


def add_calibration(parser: Parser) -> None:
    """From a trace to a spec."""
    parser.add_argument("trace", type=name, metavar="PARQUET", help="a table that roofscape measure wrote on a processor")
    parser.add_argument("--spec", type=name, metavar="YAML", help="where the spec is written; the fitted corrections lie beside it")
    parser.add_argument("--judge", action="store_true", help="fit a third of the rows and tell how far off the others are; write nothing")


def count(text: str) -> int:
    """A whole number, one or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number, 1 or more")
    return int(text)


def positive(text: str) -> float:
    """A number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} should be a number above zero")
    return number
