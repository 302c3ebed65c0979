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
- **mean |ln|**, **worst rank** (the lowest Spearman of any device), **coverage** of the 90 % interval (mean over devices) and its median
  **width** (high over low) are of the last.

Eager measurements know one number of their host, read off its tiniest kernels: the pace of the framework is the host's, not the device's.
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
- Attention's shipped decode values are of a fit in two parts; some eight other fits were compared by left-out errors and by the published decode steps.
- That a first token's framework and device err independently, and that what is timed as one has the band of its kind: after coverage here was seen.
- That a vendor's four-bit products alone keep the first guess of their rate, which no table shows: with the published figures in sight.
- The arrays of FuseMax are a reproduction of published closed forms, not a prediction.
"""


def judgement_text(judged: Sequence[Judged], done: Mapping[str, Validation], processor: Validation | None = None) -> str:
    """The whole file; with the rows of a processor's trace that its calibration has not seen, if there is one."""
    own = [_processor(processor)] if processor else []
    parts = [HEAD.format(few=FEW_ROWS), _table(judged), *own, _by_device(done), _unscored(done["seen"]), _provenance()]
    return "\n".join(parts)


def _percent(x: float | None) -> str:
    return "" if x is None else f"{100.0 * x:.1f}"


def _table(judged: Sequence[Judged]) -> str:
    """A row a class."""
    lines = [
        "| class | groups | rows | roofline | seen | left out | corrected | target | mean \\|ln\\| | worst rank | coverage | width "
        "| published for unseen devices |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for j in judged:
        target, published = TARGETS.get(j.family, (None, ""))
        errors = " | ".join(_percent(j.mape[way]) for way in WAYS)
        rank = "" if j.spearman is None else f"{j.spearman:.3f}"
        lines.append(
            f"| {j.family} | {j.groups} | {j.rows:,} | {errors} | {_percent(target)} | {j.mean_abs_log['left out, corrected']:.3f} | {rank} "
            f"| {_percent(j.coverage90)} | {j.width:.2f} | {published} |"
        )
    return "## By class of operators\n\n" + "\n".join(lines) + "\n"


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
