"""What is measured, from Python: kernels run and timed, a machine calibrated from them, predictions held against tables and traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from magnitudes.errors import InputError
from magnitudes.files import check_writable, write_whole
from simulator.measurement.calibrate import Calibration, texts
from simulator.result import Estimate
from simulator.validation.run import Options, Validation

Progress = Callable[[int, int, str], None]


def validate(path: Path | str, options: Options | None = None, progress: Progress = lambda *_: None, *, ran: Estimate | None = None) -> Validation:
    """Predict what was measured, and score every group.

    Parameters
    ----------
    path : Path or str
        A tidy table, a folder of tables, or a trace (a torch.profiler Chrome trace, an nsys kernel summary).
    options : Options, optional
        What is predicted, and how; all of it as the tables say, if not said.
    progress : callable
        Told how many files are done, of how many, and which is next.
    ran : Estimate, optional
        Of a trace, what ran while it was recorded: ``rs.estimate(model, on=machine, scenario=..., timing="kernel")``, one design and one kind of pass.

    Raises
    ------
    InputError
        If there is no such path or no table in it, or a trace comes without `ran`. A file that cannot be read is unscored, with the reason.
    """
    from simulator.validation.run import validate as validate_tables
    from simulator.validation.traces.run import is_trace, validate_trace

    path = Path(path)
    if not is_trace(path):
        return validate_tables(path, options, progress)
    if ran is None:
        raise InputError(f"{path} is a trace: say what ran, ran=rs.estimate(model, on=machine, scenario=rs.Decode(...), timing='kernel')")
    if len(ran) > 1 or len(ran.passes) > 1:
        raise InputError("a trace is of one design and one kind of pass: estimate Prefill, Decode or Images, each size one number")
    return validate_trace(path, ran, options or Options())


def measure(
    out: Path | str,
    *,
    device: str = "cpu",
    suite: str = "quick",
    backends: Sequence[str] = (),
    timings: Sequence[str] = (),
    name: str | None = None,
    budget_s: float | None = None,
    rounds: int = 1,
    progress: Progress = lambda *_: None,
) -> Path:
    """Run real kernels on this machine into a tidy table that `validate` and `calibrate` read; go on where an earlier run into it stopped.

    Parameters
    ----------
    out : Path or str
        A parquet file.
    device : str
        ``cpu``, or ``cuda`` for a GPU through PyTorch (ROCm too).
    suite : str
        ``quick``, ``full`` or ``layer``.
    backends, timings : sequence of str
        Libraries (those installed, if none is named) and timing contexts (of a GPU all three).
    name : str, optional
        Device name of the rows.
    budget_s : float, optional
        Time for all repeats together [s].
    rounds : int
        How often to go through the suite; each kernel's fastest round counts.
    progress : callable
        Told how many kernels are done, of how many, and which is next.

    Raises
    ------
    InputError
        If the device, suite, library or context does not exist here, or `out` cannot be written.
    """
    from simulator.measurement.session import measure as run
    from simulator.measurement.session import plan

    out = Path(out)
    if out.suffix not in (".parquet", ".pq"):
        raise InputError(f"{out}: the table is parquet, whose schema keeps the environment: call it {out.stem}.parquet")
    check_writable(str(out))
    return run(plan(device, suite, backends, timings, name, budget_s, rounds), out, progress)


def calibrate(trace: Path | str, spec: Path | str) -> Calibration:
    """A spec of the machine that a trace was measured on, with measured ceilings, and beside it what libraries make of them.

    Parameters
    ----------
    trace : Path or str
        A table that `measure` wrote on a processor.
    spec : Path or str
        The YAML file that is written; the fitted corrections lie beside it, in the ``.host.json`` that it names.

    Returns
    -------
    Calibration
        What was written, and the mean error of each kind of kernels on the rows that the fit saw.

    Raises
    ------
    InputError
        If the trace cannot be read or is of a GPU, or a file cannot be written.
    """
    from simulator.measurement.calibrate import calibrate as fitted
    from simulator.measurement.trace import read_trace

    spec = Path(spec)
    if spec.suffix not in (".yaml", ".yml"):
        raise InputError(f"{spec} should end in .yaml: that is how a spec is known")
    fits = spec.with_name(f"{spec.stem}.host.json")
    check_writable(str(spec))
    check_writable(str(fits))
    made = fitted(read_trace(Path(trace)), spec.stem, Path(trace).name)
    spec_text, fits_text = texts(made)
    write_whole(str(fits), fits_text)
    write_whole(str(spec), spec_text)
    return made
