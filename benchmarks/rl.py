"""Do the learners beat drawing? `python benchmarks/rl.py` runs spaces x explorers x seeds and prints medians and p-values.

    python benchmarks/rl.py                                           # the full test: 20,000 distinct designs, 20 seeds
    python benchmarks/rl.py --budget 3000 --seeds 5 --spaces h100-like-12-axes --with ppo,sac
    python benchmarks/rl.py ... --json runs.json --write page.md      # spaces that are in runs.json are left out; the page is of all

A space counts where random has not reached the best known by the end of its budget. Of one objective the best feasible figure is compared, of several the
hypervolume; p is of a one-sided Mann-Whitney test against random, and against `ppo-untrained`: PPO with a learning rate of nothing, which finds what the
walk from the best designs finds without learning.
Spaces whose evaluator walks through requests one by one (dram-controller) take hours, and are run when named.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from explorers.space.catalog import find_space, space_names
from explorers.space.space import DesignSpace
from explorers.study import explore

UNTRAINED = "ppo-untrained"


def figure(space: DesignSpace, name: str, budget: int, seed: int) -> tuple[float, int, float]:
    """How good a run was (small is good), distinct designs and seconds."""
    settings: dict[str, Any] = {"rate": 1e-12} if name == UNTRAINED else {}
    study = explore(space, "ppo" if name == UNTRAINED else name, budget, seed, settings)
    if len(space.objectives) > 1:
        return -study.hypervolume, study.evaluations, study.seconds
    best = study.best_row
    return float("inf") if best is None else float(study.scores.objectives[best, 0]), study.evaluations, study.seconds


def compared(space: DesignSpace, names: list[str], budget: int, seeds: int) -> dict[str, Any]:
    """All runs of one space, and each learner against random."""
    runs: dict[str, list[tuple[float, int, float]]] = {name: [figure(space, name, budget, s) for s in range(seeds)] for name in ("random", *names)}
    figures = {name: np.array([r[0] for r in those]) for name, those in runs.items()}
    best = min(f.min() for f in figures.values())
    reached = bool(np.median(figures["random"]) <= best + 1e-9 * abs(best))
    row: dict[str, Any] = {"space": space.name, "designs": float(space.size), "random_reached_the_best": reached, "budget": budget, "seeds": seeds}
    for name, those in figures.items():
        row[name] = {"median": float(np.median(those)), "seconds": float(np.median([r[2] for r in runs[name]])), "evaluations": min(r[1] for r in runs[name])}
        if name != "random":
            row[name]["p"] = float(mannwhitneyu(those, figures["random"], alternative="less").pvalue)
        if name not in ("random", UNTRAINED) and UNTRAINED in figures:
            row[name]["p_untrained"] = float(mannwhitneyu(those, figures[UNTRAINED], alternative="less").pvalue)
    return row


def page(rows: list[dict[str, Any]], command: str) -> str:
    """All spaces as a table."""
    lines = ["# Learning against drawing", "", f"Written by `{command}`.", "", *(__doc__ or "").split("\n\n")[2].strip().splitlines(), ""]
    lines += ["| space | budget | seeds | explorer | median | better than random, p | better than untrained, p |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        for name, of in row.items():
            if isinstance(of, dict):
                shown = [f"{of[key]:.2g}" if key in of else "" for key in ("p", "p_untrained")]
                lines.append(f"| {row['space']} | {row['budget']:,} | {row['seeds']} | {name} | {of['median']:.6g} | {shown[0]} | {shown[1]} |")
    test = "The full test is 20,000 designs and 20 seeds; this is what was run."
    signs = "Figures are minimised: those of objectives that should be large, and hypervolumes, are negative."
    return "\n".join([*lines, "", f"{test} {signs}", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", default=",".join(n for n in space_names() if not n.startswith("dram-controller")))
    parser.add_argument("--with", dest="names", default=f"ppo,sac,{UNTRAINED}")
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--write", type=Path, help="where to write all figures as a page")
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json and asked.json.exists() else []
    done = {r["space"] for r in rows}
    for name in (n for n in asked.spaces.split(",") if n not in done):
        row = compared(find_space(name), asked.names.split(","), asked.budget, asked.seeds)
        rows.append(row)
        shown = "  ".join(
            f"{n} {row[n]['median']:.6g} ({row[n]['seconds']:.1f} s, {row[n]['evaluations']:,}" + (f", p {row[n]['p']:.2g})" if "p" in row[n] else ")")
            for n in ("random", *asked.names.split(","))
        )
        print(f"{name}{' [random reached the best]' if row['random_reached_the_best'] else ''}: {shown}", flush=True)
        if asked.json:
            asked.json.write_text(json.dumps(rows, indent=1))
    if asked.write:
        command = f"python benchmarks/rl.py --budget {asked.budget} --seeds {asked.seeds} --spaces {asked.spaces} --with {asked.names} --write {asked.write}"
        asked.write.write_text(page(rows, command), encoding="utf-8")


if __name__ == "__main__":
    main()
