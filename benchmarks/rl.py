"""Do the learners beat drawing? `python benchmarks/rl.py` runs spaces x explorers x seeds and prints medians and p-values.

    python benchmarks/rl.py --runs rl-runs --workers 2                # the full test: 20,000 distinct designs, 20 seeds
    python benchmarks/rl.py --budget 3000 --seeds 5 --spaces h100-like-12-axes --with ppo,sac
    python benchmarks/rl.py ... --runs rl-runs --write page.md        # what is in the folder is not run again; the page is of all

The optimum is known by trying all designs or by proof (within 0.1 %), and a run that has found it ends there: its figure could not get any better. Where
neither is to be had in a minute no run ends early, and the best that any found stands for the optimum. A space counts where
random has not reached the optimum by the end of its budget, in the median over seeds; a learner beats random where p is below 0.05. Of one objective the
best feasible figure is compared, of several the hypervolume; p is of a one-sided Mann-Whitney test against random. `ppo-untrained` is PPO with a
learning rate of nothing: it finds what the walk from the best designs finds without learning. Against it runs that found the optimum are told apart by how
many designs they needed. All learners have their default settings, the same on
every space.

Designs of spaces that have a table are looked up. Spaces whose evaluator walks through requests one by one (dram-controller) are run when named: there
20,000 designs take minutes a run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import mannwhitneyu

from explorers.race import all_runs, kept_truth, median_interval
from explorers.run import BEST_FOUND, Job, Run, Truth, best_found
from explorers.space.catalog import find_space
from explorers.space.shipped import space_names
from explorers.space.space import DesignSpace
from explorers.tabulated import tabulated
from magnitudes.arrays import Column, Mask

UNTRAINED, STILL = "ppo-untrained", (("rate", 1e-12),)
SAME = 1e-9  # relative: figures that differ by less are one
LEVEL = 0.05
PROVED_IN_S = 60.0  # what is not proved by then is measured by the best found


@dataclass(frozen=True)
class Compared:
    """What came of one space.

    Parameters
    ----------
    space : DesignSpace
    truth : Truth
    runs : mapping of str to sequence of Run
        Explorer -> a run a seed.
    """

    space: DesignSpace
    truth: Truth
    runs: Mapping[str, Sequence[Run]]

    def figures(self, name: str) -> Column:
        """How good each run of an explorer was, small is good: the first objective, or minus the hypervolume."""
        several = len(self.space.objectives) > 1
        return np.array([-t.hypervolume if several else t.best if np.isfinite(t.best) else np.inf for t in map(self._alone, self.runs[name])])

    def _alone(self, run: Run) -> Truth:
        return best_found([run], self.space.reference_point)

    @property
    def optimum(self) -> float:
        """What can be won, as `figures` has it."""
        return -self.truth.hypervolume if len(self.space.objectives) > 1 else self.truth.best

    def reached(self, name: str) -> Mask:
        """Which runs found all that can be won."""
        found: Mask = self.figures(name) <= self.optimum + SAME * abs(self.optimum)
        return found

    @property
    def counts(self) -> bool:
        """Whether drawing left something to be found."""
        return bool(np.median(self.reached("random")) < 1.0)

    def better(self, name: str, than: str) -> float:
        """p of a one-sided Mann-Whitney test."""
        return float(mannwhitneyu(self.figures(name), self.figures(than), alternative="less").pvalue)

    def needed(self, name: str) -> Column:
        """Distinct designs until the optimum, a run each; infinite where a run did not find it."""
        return np.array([r.at[-1] if won else np.inf for r, won in zip(self.runs[name], self.reached(name), strict=True)])

    def sooner(self, name: str, than: str) -> float:
        """p of a one-sided Mann-Whitney test of better figures, or of fewer designs where both are the optimum."""
        runs = [told for who in (name, than) for told in zip(*self._told(who), strict=True)]
        order = {run: rank for rank, run in enumerate(sorted(set(runs)))}
        ranks = [order[run] for run in runs]
        count = len(self.runs[name])
        return float(mannwhitneyu(ranks[:count], ranks[count:], alternative="less").pvalue)

    def _told(self, name: str) -> tuple[Column, Column]:
        return np.where(self.reached(name), self.optimum, self.figures(name)), self.needed(name)


def job_of(space: str, name: str, budget: int, seed: int) -> Job:
    """A run to be made."""
    return Job(space, "ppo" if name == UNTRAINED else name, budget, seed, STILL if name == UNTRAINED else ())


def compared(space: str, names: Sequence[str], budget: int, seeds: int, workers: int, folder: Path) -> Compared:
    """All runs of one space; those that the folder keeps are not made again."""
    known = tabulated(find_space(space), folder)
    truth = kept_truth(known, [], folder, PROVED_IN_S)
    jobs = {job_of(space, name, budget, seed): name for name in names for seed in range(seeds)}
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for job, run in all_runs(list(jobs), {space: known}, folder, workers, None, float("inf"), {space: truth}):
        runs[jobs[job]].append(run)
    if truth.proven == BEST_FOUND:
        truth = best_found([r for those in runs.values() for r in those], known.reference_point)
    return Compared(known, truth, runs)


def shown(found: Compared) -> str:
    """A space as a line a learner."""
    lines = [f"{found.space.name}{'' if found.counts else ' [random reached the optimum]'}, optimum {found.optimum:.6g} ({found.truth.proven})"]
    for name, runs in found.runs.items():
        told = "" if name == "random" else f", better than random p {found.better(name, 'random'):.2g}"
        pace = f"{np.median([r.seconds for r in runs]):.1f} s, {np.median([r.evaluations for r in runs]):,.0f} designs"
        lines.append(f"  {name}: {np.median(found.figures(name)):.6g} ({found.reached(name).sum()} of {len(runs)} reached it; {pace}){told}")
    return "\n".join(lines)


def row_of(found: Compared, name: str) -> str:
    """A learner's line of the table."""
    middle, low, high = median_interval(found.figures(name))
    beaten = "" if name == "random" else f"{found.better(name, 'random'):.2g}"
    learned = "" if name in ("random", UNTRAINED) or UNTRAINED not in found.runs else f"{found.sooner(name, UNTRAINED):.2g}"
    needed = float(np.median(found.needed(name)))
    told = f"{needed:,.0f}" if np.isfinite(needed) else "–"
    won = f"{found.reached(name).sum()} of {len(found.runs[name])}"
    return f"| {found.space.name} | {name} | {middle:.6g} | {low:.6g} to {high:.6g} | {won} | {told} | {beaten} | {learned} |"


def verdicts(counted: Sequence[Compared]) -> list[str]:
    """What each learner did, in a sentence."""
    lines = []
    for name in dict.fromkeys(n for c in counted for n in c.runs if n != "random"):
        ran = [c for c in counted if name in c.runs]
        beaten = [c for c in ran if c.better(name, "random") < LEVEL]
        lost = [c.space.name for c in ran if c not in beaten]
        together = ", all of them together by Holm's correction" if ran and hold_together([c.better(name, "random") for c in ran]) else ""
        line = f"- `{name}` beats random on {len(beaten)} of {len(ran)} spaces that count{', not on ' + ', '.join(lost) if lost else ''}{together}."
        beside = [c.sooner(name, UNTRAINED) for c in ran if name != UNTRAINED and UNTRAINED in c.runs]
        if beside:
            line += f" It is better or sooner than untrained walks on {sum(p < LEVEL for p in beside)} of {len(beside)}."
        lines.append(line)
    return lines


def hold_together(tests: Sequence[float]) -> bool:
    """Whether all of some tests hold at once (Holm 1979)."""
    return all(p * (len(tests) - i) < LEVEL for i, p in enumerate(sorted(tests)))


def page(every: Sequence[Compared], command: str, budget: int, seeds: int) -> str:
    """All spaces as a table."""
    counted = [c for c in every if c.counts]
    lines = ["# Learning against drawing", "", f"Written by `{command}`: {budget:,} distinct designs a run, {seeds} seeds.", ""]
    lines += ["\n\n".join((__doc__ or "").split("\n\n")[2:]).strip(), "", *verdicts(counted), ""]
    easy = [c.space.name for c in every if not c.counts]
    if easy:
        lines += [f"Random reached the optimum by then on {', '.join(easy)}: these do not count, and are not in the table.", ""]
    lines += ["| space | explorer | median | 95 % | found the optimum | designs to it | better than random, p | better or sooner than untrained, p |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for found in counted:
        how = {"exhaustive": "all designs were tried", "exact": "proved"}.get(found.truth.proven, found.truth.proven)
        lines.append(f"| {found.space.name} | *optimum: {how}* | {found.optimum:.6g} | | | | | |")
        lines += [row_of(found, name) for name in found.runs]
    return "\n".join(
        [*lines, "", "Figures are minimised: those of objectives that should be large, and hypervolumes, are negative. A dash: not in half of the runs.", ""]
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", default=",".join(n for n in space_names() if not n.startswith("dram-controller")))
    parser.add_argument("--with", dest="names", default=f"ppo,sac,{UNTRAINED}")
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--runs", type=Path, help="a folder where runs are kept as they end: what is there is not run again")
    parser.add_argument("--write", type=Path, help="where to write all figures as a page")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    every = []
    with TemporaryDirectory() as temporary:
        for name in asked.spaces.split(","):
            start = time.monotonic()
            every.append(compared(name, ["random", *asked.names.split(",")], asked.budget, asked.seeds, asked.workers, asked.runs or Path(temporary)))
            print(f"{shown(every[-1])}\n  {time.monotonic() - start:.0f} s", flush=True)
    if asked.write:
        command = f"python benchmarks/rl.py --budget {asked.budget} --seeds {asked.seeds} --spaces {asked.spaces} --with {asked.names}"
        asked.write.write_text(
            page(every, f"{command} --runs rl-runs --workers {asked.workers} --write {asked.write}", asked.budget, asked.seeds), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
