"""Kernels of PyTorch, on processors and on GPUs: one call each, into buffers that are there where the library allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hardware_specs.this_machine import reported
from simulator.measurement.cases import Case
from simulator.measurement.environment import MeasurementError, last_cache_byte
from simulator.measurement.torch_bench import Bench, Tensor
from simulator.measurement.torch_layer import layer_work
from simulator.measurement.work import RandomPool, Work

DTYPES = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp8": "float8_e4m3fn"}
FP8_SINCE = (8, 9)  # compute capability of the first GPUs with fp8 units (Ada)
HOST_DTYPES = ("fp64", "fp32", "bf16")  # PyTorch multiplies fp16 without a library on processors: thousands of times slower, and nobody does


Maker: TypeAlias = Callable[[Case, Bench], Work]


def work_of(tensors: Callable[[], tuple[Any, ...]], call: Callable[..., object]) -> Work:
    """Work whose sets are made by `tensors`; one is made to know its size."""
    return Work(tensors, call, float(sum(t.numel() * t.element_size() for t in tensors())))


def _product(case: Case, bench: Bench) -> Work:
    import torch

    m, n, k = case["m"], case["n"], case["k"]
    if case.dtype == "fp8":
        return _narrow_product(case, bench)
    if case.op == "bmm":
        batch = case["batch"]
        return work_of(lambda: (bench.normal(batch, m, k), bench.normal(batch, k, n), bench.empty(batch, m, n)), lambda a, b, c: torch.bmm(a, b, out=c))
    if case.op == "linear":  # weights lie as (n, k), the bias is added by the library
        return work_of(
            lambda: (bench.normal(n), bench.normal(m, k), bench.normal(n, k), bench.empty(m, n)), lambda bias, a, w, c: torch.addmm(bias, a, w.t(), out=c)
        )
    return work_of(lambda: (bench.normal(m, k), bench.normal(k, n), bench.empty(m, n)), lambda a, b, c: torch.mm(a, b, out=c))


def _narrow_product(case: Case, bench: Bench) -> Work:
    """fp8 with one scale a tensor, results in bf16; the second operand in columns, as the library asks."""
    import torch

    one = torch.ones((), device=bench.device, dtype=torch.float32)

    def call(a: Tensor, b: Tensor) -> Tensor:
        return torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)

    return work_of(lambda: (bench.normal(case["m"], case["k"]), bench.normal(case["n"], case["k"])), call)


def _grid(call: Callable[..., object], reads: int, *, positive: bool = False) -> Maker:
    """Elementwise: `reads` tensors in, one out."""

    def make(case: Case, bench: Bench) -> Work:
        shape = (case["rows"], case["cols"])

        def tensors() -> tuple[Tensor, ...]:
            inputs = [bench.normal(*shape) for _ in range(reads)]
            return (*([i.abs() + 0.1 for i in inputs] if positive else inputs), bench.empty(*shape))

        return work_of(tensors, call)

    return make


def _softmax(case: Case, bench: Bench) -> Work:
    import torch

    shape = (case["rows"], case["cols"])
    return work_of(lambda: (bench.normal(*shape), bench.empty(*shape)), lambda x, out: torch.softmax(x, -1, out=out))


def _layer_norm(case: Case, bench: Bench) -> Work:
    import torch

    rows, cols = case["rows"], case["cols"]
    return work_of(lambda: (bench.normal(rows, cols), bench.normal(cols), bench.normal(cols)), lambda x, w, b: torch.nn.functional.layer_norm(x, (cols,), w, b))


def _rms_norm(case: Case, bench: Bench) -> Work:
    import torch

    rows, cols = case["rows"], case["cols"]
    return work_of(lambda: (bench.normal(rows, cols), bench.normal(cols)), lambda x, w: torch.nn.functional.rms_norm(x, (cols,), w, 1e-5))


def _gather(case: Case, bench: Bench) -> Work:
    import torch

    rows, cols, entries = case["rows"], case["cols"], case.get("entries", 32000)
    table = bench.normal(entries, cols)

    def tensors() -> tuple[Tensor, ...]:
        return torch.randint(0, entries, (rows,), device=bench.device), bench.empty(rows, cols)

    call = lambda index, out: torch.index_select(table, 0, index, out=out)  # noqa: E731
    return Work(tensors, call, 2.0 * rows * cols * table.element_size())


def _convolution(case: Case, bench: Bench) -> Work:
    import torch

    batch, cin, cout, side, kernel = (case[name] for name in ("batch", "cin", "cout", "in_h", "kernel_h"))
    stride, pad = case.get("stride_h", 1), case.get("pad_h", 0)
    tensors = lambda: (bench.normal(batch, cin, side, side), bench.normal(cout, cin, kernel, kernel))  # noqa: E731
    return work_of(tensors, lambda x, w: torch.nn.functional.conv2d(x, w, None, stride, pad))


def _attention(case: Case, bench: Bench) -> Work:
    """The library's fused attention. Queries of a decode step see every key."""
    import torch

    batch, width = case["batch"], case["head_dim"]
    shapes = [(batch, case[h], case[n], width) for h, n in (("heads", "q_len"), ("kv_heads", "kv_len"), ("kv_heads", "kv_len"))]
    causal, grouped = case["q_len"] > 1, case["heads"] != case["kv_heads"]

    def call(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=grouped)

    return work_of(lambda: tuple(bench.normal(*s) for s in shapes), call)


def kernels() -> dict[str, Maker]:
    """From `op` to what makes its work."""
    import torch

    aten = torch.ops.aten
    return {
        "gemm": _product, "bmm": _product, "linear": _product, "attn_prefill": _attention, "attn_decode": _attention, "conv_fwd": _convolution,
        "add": _grid(lambda a, b, o: torch.add(a, b, out=o), 2), "sub": _grid(lambda a, b, o: torch.sub(a, b, out=o), 2),
        "mul": _grid(lambda a, b, o: torch.mul(a, b, out=o), 2), "div": _grid(lambda a, b, o: torch.div(a, b, out=o), 2, positive=True),
        "addu": _grid(lambda a, o: torch.add(a, 1.5, out=o), 1), "mulu": _grid(lambda a, o: torch.mul(a, 1.5, out=o), 1),
        "relu": _grid(lambda a, o: torch.clamp_min(a, 0.0, out=o), 1), "exp": _grid(lambda a, o: torch.exp(a, out=o), 1),
        "tanh": _grid(lambda a, o: torch.tanh(a, out=o), 1), "copy": _grid(lambda a, o: o.copy_(a), 1),
        "triad": _grid(lambda b, c, o: torch.add(b, c, alpha=3.0, out=o), 2), "sigmoid": _grid(lambda a, o: torch.sigmoid(a, out=o), 1),
        "gelu": _grid(lambda a, o: aten.gelu.out(a, approximate="tanh", out=o), 1), "silu": _grid(lambda a, o: aten.silu.out(a, out=o), 1),
        "softmax": _softmax, "layernorm": _layer_norm, "rmsnorm": _rms_norm, "embedding": _gather, "layer": layer_work,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class TorchBackend:
    """PyTorch on a processor, or on the first GPU (CUDA or ROCm).

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    MeasurementError
        If PyTorch is not installed, or sees no GPU.
    """

    device: str = "cpu"
    name: str = "torch"
    pool: RandomPool = field(default_factory=RandomPool, repr=False)
    cache_byte: float = field(init=False)

    def __post_init__(self) -> None:
        torch = load_torch()
        if self.device == "cuda":
            if not torch.cuda.is_available():
                raise MeasurementError("PyTorch sees no GPU here; check the driver and that a CUDA or ROCm build is installed, or use --device cpu")
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32
            torch.backends.cudnn.benchmark = True
            torch.backends.cuda.enable_cudnn_sdp(False)  # attention is flash attention, which rows are labelled as
            torch.backends.cuda.enable_mem_efficient_sdp(False)
        else:
            torch.set_num_threads(reported().cores)
        object.__setattr__(self, "cache_byte", self._cache_byte())

    def _cache_byte(self) -> float:
        if self.device == "cpu":
            return last_cache_byte()
        return float(getattr(load_torch().cuda.get_device_properties(0), "L2_cache_size", 0) or 64 * 2**20)

    def knows(self, case: Case) -> bool:
        if case.dtype == "fp8" and (case.op != "gemm" or self.device == "cpu" or load_torch().cuda.get_device_capability() < FP8_SINCE):
            return False
        return case.op in kernels() and case.dtype in (DTYPES if self.device == "cuda" else HOST_DTYPES)

    def work(self, case: Case) -> Work:
        torch = load_torch()
        return kernels()[case.op](case, Bench(self.device, getattr(torch, DTYPES[case.dtype]), self.pool))

    def versions(self) -> dict[str, str]:
        torch = load_torch()
        known = {"torch": torch.__version__, "torch_threads": str(torch.get_num_threads())}
        if self.device == "cpu":
            build = torch.__config__.show()
            return known | {"torch_blas": "mkl" if "BLAS_INFO=mkl" in build else "other", "onednn": str(torch.backends.mkldnn.is_available())}
        return known | {"cuda": str(torch.version.cuda or ""), "hip": str(torch.version.hip or ""), "cudnn": str(torch.backends.cudnn.version() or "")}


def load_torch() -> Any:
    """The module `torch`.

    Raises
    ------
    MeasurementError
        If it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MeasurementError("PyTorch is not installed here; pip install 'roofscape[torch]', or measure with --device cpu --backend numpy") from error
    return torch
