"""VALIDATION.md: how far off the laws are, on devices that they have seen and on devices that they have not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.calibration import names, provenance
from simulator.validation.judgement import WAYS, Judged
from simulator.validation.run import Validation
from simulator.validation.scores import FEW_ROWS

# Class -> what is asked of the laws on devices left out, and the best that is published for unseen devices (with its source).
TARGETS: Mapping[str, tuple[float, str]] = {
    "gemm_16bit": (0.12, "12.1 (KernelSight-LM, all kernels; arXiv 2606.28565)"), "gemm_narrow": (0.20, ""), "linear_fp32": (0.15, "29 (NeuSight)"),
    "bmm_fp32": (0.20, "26 (NeuSight)"), "elementwise": (0.10, "31 (NeuSight)"), "softmax_norm": (0.18, "24 softmax, 56 LayerNorm (NeuSight)"),
    "attention": (0.22, ""), "moe": (0.30, ""), "convolution_fp32": (0.28, ""), "collective": (0.25, ""),
    "model_inference": (0.08, "6-27 by device (NeuSight)"),
    "served_ttft": (0.30, ""), "served_tpot": (0.15, ""),
}  # fmt: skip

HEAD = """# How far off roofscape is

Written by `roofscape validate DATA --judge VALIDATION.md`; every figure is a mean over groups (source, device, operator, data type, and
implementation where the user chose it) of the mean absolute error in percent; groups under {few} rows are shown elsewhere, not averaged.

- **roofline**: the datasheet alone.
- **seen**: the laws as they are shipped, with coefficients fitted on these tables.
- **left out**: each device by coefficients that were fitted without its die, in any package and by any source; entries that only that die
  has shown are taken away.
- **corrected**: the same, with the learned correction, learned without that die, too.
- **mean |ln|**, **worst rank** (the lowest Spearman of any device), its **ceiling** (what a prediction without error would reach on that device, by
  how measurements of the same kernel repeat), **coverage** of the 90 % interval (mean over devices) and its median **width** (high over low)
  are of the last.

Eager measurements know one number of their host, read off its tiniest kernels: the pace of the framework is the host's, not the device's. An
operator whose tiniest kernels are more than a quarter off that pace was timed in another run, and knows that run's.
No prediction can be better than the repeatability of the measurement: the same bf16 product on the same device differs by 7 to 8 % in the
mean between two software stacks, and by 14 % on an L40S (README of the shared measurements).

## What was chosen in sight of the devices

Coefficients are left out, choices are not, so that the figures of devices left out are somewhat better than those of a new device will be:

- The structure of all laws: resources, tile menus, formulas. That of matrix products was picked among some twenty variants by their left-out
  errors; its sharp cache, packing kernels and paired multiprocessors were found in residuals of an L40S and a B200, and stay in their folds.
- What a serving framework's layer of attention does beside its kernel (storing keys), the result in 16 bits of a kernel in 8, tiles of flashinfer's wide
  heads, and that a vendor's own decode kernel draws its chip's memory: looked for because of residuals of an L40S and a B200.
- The strength of the prior of attention with many queries; segments, ridge and least gain of the correction. Some twenty-five settings of the
  last were compared, by left-out errors, by the error budgets of ``tests/validation`` and by the figures of ``tests/validation/published.csv``.
- The form of served models: that a decode step lasts as long as the framework or the device, whichever is slower; that its device time is not
  corrected while a first token's is. Both were compared on rows that are scored here.
- That a product's output is stored through the cache, how what runs side by side hides, tiles and waits of persistent and older kernels, and that memory under
  products has a plateau of 0.92 (four values were tried, this one for its published decode);
  that DeepBench's 16-bit operands are zeros (its sources say so): found by left-out errors.
- That buffers of a benchmark's products rotate, weights and activations alike; that power is drawn by area; that loads of what is touched once
  compete less with memory: found in residuals of an L40S, and held against an H100, an A100 and a B200 left out. How much less is between
  served steps and published decode steps.
- That MI300's area counts its base dies (after published products of MI300X and MI325X were missed without), that GA10x counts as a 12 nm part (after
  Marlin's published gains on an A10), and what kernels between products leave of the power limit (after whole models of a T4): none is a blind test.
- That a host's jitter rounds the corner where a kernel outlasts its call, and that two operators of a P100 were timed in another run.
- That a first token's framework and device err independently, and that what is timed as one has the band of its kind: after coverage here was seen.
- That a vendor's four-bit products alone keep the first guess of their rate, which no table shows, and those of eight bits the rate of scaled blocks; that
  matrix units of half a rate draw half as much, and that cards for games run above the clock that they print: with the published figures in sight.
- Which of PyTorch's two softmax kernels a source timed, and that calls of one operand, powers and clamps have host paths of their own; that exponentials of
  fused attention add to its products as a root of squares, and that attention draws its chip's power: found in residuals of devices that are scored here.
- That a served decode step is felt through its framework's jitter, as eager calls are: after its ranks were seen.
- The arrays of FuseMax are a reproduction of published closed forms, not a prediction: their ranks and intervals are not judged.
"""


LEAST_RANK = 0.97
RANKS = """Spearman's correlation of predicted and measured times of a class on a device, where it is under {least}. The ceiling is the root of the rank
correlation of measurements that repeat each other (the same kernel to every law); it is empty where too few do. Rows that the host hides
are eager and no longer than the shortest prediction of their operator: their order is the host's jitter, and no law of a device knows it."""


def judgement_text(judged: Sequence[Judged], done: Mapping[str, Validation], processor: Validation | None = None) -> str:
    """The whole file; with the rows of a processor's trace that its calibration has not seen, if there is one."""
    own = [_processor(processor)] if processor else []
    parts = [HEAD.format(few=FEW_ROWS), _table(judged), _ranks(judged), *own, _by_device(done), _unscored(done["seen"]), _provenance()]
    return "\n".join(parts)


def _percent(x: float | None) -> str:
    return "" if x is None else f"{100.0 * x:.1f}"


def _table(judged: Sequence[Judged]) -> str:
    """A row a class."""
    lines = [
        "| class | groups | rows | roofline | seen | left out | corrected | target | mean \\|ln\\| | worst rank | ceiling | coverage | width "
        "| published for unseen devices |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for j in judged:
        target, published = TARGETS.get(j.family, (None, ""))
        errors = " | ".join(_percent(j.mape[way]) for way in WAYS)
        worst = j.ranks[0] if j.ranks else None
        rank, ceiling = (_rank(worst.spearman), _rank(worst.ceiling)) if worst else ("", "")
        lines.append(
            f"| {j.family} | {j.groups} | {j.rows:,} | {errors} | {_percent(target)} | {j.mean_abs_log['left out, corrected']:.3f} | {rank} | {ceiling} "
            f"| {_percent(j.coverage90)} | {'' if j.width is None else format(j.width, '.2f')} | {published} |"
        )
    return "## By class of operators\n\n" + "\n".join(lines) + "\n"


def _rank(x: float | None) -> str:
    return "" if x is None else f"{x:.3f}"


def _ranks(judged: Sequence[Judged]) -> str:
    """Devices whose kernels are not ordered as asked, and what of that is the measurement's."""
    lines = [
        RANKS.format(least=LEAST_RANK), "",
        "| class | device | rows | rank | ceiling | hidden by the host | rank of the others |", "|---|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    lines += [
        f"| {j.family} | {r.device} | {r.rows:,} | {r.spearman:.3f} | {_rank(r.ceiling)} | {_percent(r.hidden)} | {_rank(r.above)} |"
        for j in judged
        for r in j.ranks
        if r.spearman < LEAST_RANK
    ]
    return f"## Ranks below {LEAST_RANK}\n\n" + "\n".join(lines) + "\n"


def _processor(validation: Validation) -> str:
    """Our own trace of a processor: a mean, and a row a group."""
    scores = sorted(validation.scores, key=lambda s: (s.source, s.op, s.dtype))
    mean = sum(s.mape for s in scores) / len(scores)
    lines = [
        f"Mean over {len(scores)} groups of the {len(validation.frame):,} rows that the fit of the others has not seen: **{_percent(mean)} %** (target 12).",
        "`roofscape calibrate tests/validation/measured/epyc-2core.parquet --judge` repeats it.", "",
        "| library | operator | type | rows | error | bias | rank |", "|---|---|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    for s in scores:
        rank = "" if s.spearman is None else f"{s.spearman:.3f}"
        lines.append(f"| {s.source.removeprefix('measured-')} | {s.op} | {s.dtype} | {s.rows} | {_percent(s.mape)} | {s.bias:+.2f} | {rank} |")
    return "## A processor of two cores, calibrated on a third of its trace\n\n" + "\n".join(lines) + "\n"


def _by_device(done: Mapping[str, Validation]) -> str:
    """A row a group, left out and corrected beside seen."""
    lines = [
        "| class | source | device | operator | type | implementation | rows | seen | left out | bias | rank |",
        "|---|---|---|---|---|---|---:|---:|---:|---:|---:|",
    ]
    seen = {(s.file, s.source, s.device, s.op, s.dtype, s.kernel): s for s in done["seen"].scores}
    for s in sorted(done["left out, corrected"].scores, key=lambda s: (s.family, s.device, s.op, s.dtype, s.kernel)):
        if s.rows < FEW_ROWS:
            continue
        before = seen.get((s.file, s.source, s.device, s.op, s.dtype, s.kernel))
        rank = "" if s.spearman is None else f"{s.spearman:.3f}"
        lines.append(
            f"| {s.family} | {s.source} | {s.device} | {s.op} | {s.dtype} | {s.kernel} | {s.rows:,} | {_percent(before.mape if before else None)} "
            f"| {_percent(s.mape)} | {s.bias:+.2f} | {rank} |"
        )
    return "## By group\n\n" + "\n".join(lines) + "\n"


def _unscored(validation: Validation) -> str:
    lines = [f"- {u.rows:,} rows of {u.file}: {u.reason}" for u in validation.unscored if u.rows]
    return "## Rows without a score\n\n" + ("\n".join(lines) or "None.") + "\n"


def _provenance() -> str:
    """Where the coefficients come from."""
    lines = [f"- **{name}**: {p.get('data', '')}; {p.get('date', '')}; {p.get('method', '')}" for name in names() if (p := provenance(name))]
    return "## Coefficients\n\n" + "\n".join(lines) + "\n"
