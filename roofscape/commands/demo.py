"""``roofscape demo``: one model on five machines, what binds each, and what ten percent more of each parameter would buy."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorers.question import Question
from explorers.sensitivity import elasticities, gains
from magnitudes.files import check_writable, write_whole
from magnitudes.units import show
from roofscape import api
from roofscape.report.progress import track
from simulator.result import Estimate
from workloads.scenario import Inference

MODEL = "llama-3-8b"
OTHERS = ("llama-3.2-1b", "llama-2-13b", "qwen3-30b-a3b", "mixtral-8x7b")
MACHINES = ("h100-sxm", "mi300x", "l40s", "gaudi3", "tpu-v4")
SCENARIO = Inference(batch=8.0, prompt=2048.0, output=512.0)
PHASES = {"prefill": "ttft_s", "decode": "tpot_s"}
STEP = 1.1
LEAST = 0.0005  # relative change of the time from which a parameter counts
ENGINE_WORDS = {
    "matrix": "matrix rate", "vector": "vector rate", "shared": "shared memory", "register": "registers", "special_per_clock": "special functions",
    "above_boost": "clock above boost",
}  # fmt: skip
Gains = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the demo shows of one machine.

    Parameters
    ----------
    gains : mapping of phase to mapping of role to float
        Relative change of the phase's time with ten percent more of a parameter.
    """

    machine: str
    question: Question
    result: Estimate
    design: dict[str, Any]
    gains: Gains


def run(options: argparse.Namespace) -> None:
    """Print what the demo found, and write its page."""
    check_writable(options.html)
    answers = [answer(name) for name in track(MACHINES, "machines")]
    _print(answers)
    write_whole(options.html, _page(answers))
    print(f"\nThe same as a page, with rooflines, what-if sliders and sources: {Path(options.html).absolute()}")


def answer(machine: str) -> Answer:
    """All that the demo shows of one machine."""
    question = api.question(MODEL, machine, SCENARIO)
    result = question.estimate({})
    by_phase = {phase: by_role(question, gains(question, STEP, output=output)) for phase, output in PHASES.items()}
    design = {**result.to_dict(), "elasticities": elasticities(question)}
    return Answer(machine, question, result, design, by_phase)


def by_role(question: Question, values: Mapping[str, float]) -> dict[str, float]:
    """Values of a machine's parameters under names that all machines share: what the part does instead of what it is called."""
    engine = question.system.chip.engine
    roles = dict.fromkeys(engine.beside[:-1], "cache") | {engine.beside[-1]: "main memory", engine.name: ""}
    named: dict[str, float] = {}
    for path, value in values.items():
        owner, _, key = path.partition(".")
        role = f"{roles.get(owner, owner)} {ENGINE_WORDS.get(key, key)}".strip().replace("_", " ") if key else path
        if abs(value) > abs(named.get(role, 0.0)) or role not in named:
            named[role] = value
    return named


def bound_of(design: Mapping[str, Any], phase: str) -> tuple[str, float]:
    """The resource that bounds most of a phase's time, and its share."""
    shares: dict[str, float] = {}
    for o in design["operators"]:
        if o["phase"] == phase:
            shares[o["bound"]] = shares.get(o["bound"], 0.0) + o["count"] * o["time_s"]
    name = max(shares, key=lambda n: shares[n])
    return name, shares[name] / sum(shares.values())


def _print(answers: Sequence[Answer]) -> None:
    from roofscape.report.terminal import console, show_table

    s = SCENARIO
    print(f"{MODEL} in bf16 on five machines: {s.batch:g} requests of {s.prompt:,g} prompt tokens, each answered with {s.output:,g}.\n")
    columns = ["machine", "memory", "matrix bf16", "TTFT", "bound by", "TPOT", "bound by", "token/s", "memory used", "fidelity"]
    show_table("How fast, and what limits it", columns, [_machine_row(a) for a in answers])
    print("TTFT: time to first token, the prefill of all prompts. TPOT: time per output token, a mean decode step.")
    for phase in PHASES:
        console().print()
        show_table(f"Ten percent more of each parameter alone: change of the {phase} time", ["", *MACHINES], gain_rows(answers, phase))
    console().print()
    show_table("Other models: TPOT and what bounds it", ["", *MACHINES], [[name, *_other_row(name)] for name in OTHERS])
    for note in dict.fromkeys(n for a in answers for n in a.design["notes"]):
        print(f"note: {note}")


def _machine_row(a: Answer) -> list[str]:
    chip, d = a.question.system.chip, a.design
    memory = chip.main_memory(chip.engine)
    rate = chip.engine.matrix_flop_per_s["bf16"]
    (prefill, most), (decode, share) = bound_of(d, "prefill"), bound_of(d, "decode")
    return [
        a.machine, show(memory.bandwidth_byte_per_s, "byte/s"), show(rate, "flop/s"), show(d["ttft_s"], "s"), f"{prefill} {most:.0%}",  # type: ignore[arg-type]
        show(d["tpot_s"], "s"), f"{decode} {share:.0%}", f"{d['throughput_token_per_s']:,.0f}", f"{d['memory_byte'] / d['memory']['capacity_byte']:.0%}",
        d["fidelity"],
    ]  # fmt: skip


def gain_rows(answers: Sequence[Answer], phase: str) -> list[list[Any]]:
    """A row a parameter that matters on any machine, largest mean effect first; the best of each machine stands out."""
    from rich.text import Text

    columns = [a.gains[phase] for a in answers]
    most = {role: sum(abs(c.get(role, 0.0)) for c in columns) for c in columns for role in c}
    kept = [r for r in sorted(most, key=lambda r: -most[r]) if any(abs(c.get(r, 0.0)) >= LEAST for c in columns)]
    best = [min(c, key=lambda r: c[r]) for c in columns]
    return [[role, *(_gain(c.get(role, 0.0), role == top, Text) for c, top in zip(columns, best, strict=True))] for role in kept]


def _gain(value: float, best: bool, make: Any) -> Any:
    style = "dim" if abs(value) < LEAST else "bold green" if best else "green" if value < 0 else "red"
    return make("·" if abs(value) < LEAST else f"{value:+.1%}", style=style, justify="right")


def _other_row(name: str) -> list[str]:
    """TPOT of another model on each machine, or that it does not fit."""
    cells = []
    for machine in MACHINES:
        design = api.estimate(name, machine, SCENARIO).to_dict()
        cells.append(f"{show(design['tpot_s'], 's')} {bound_of(design, 'decode')[0]}" if design["fits"] else "does not fit")
    return cells


def _page(answers: Sequence[Answer]) -> str:
    from roofscape.report.page import page
    from roofscape.report.subject import Subject

    subjects = [Subject(lambda a=a: a.question, a.machine) for a in answers]  # type: ignore[misc]
    return page([a.result for a in answers], [a.design for a in answers], subjects)
