"""Suites: which cases are measured. One function a family of kernels; sizes on a grid that spans caches, edges and shapes of real models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from magnitudes.names import check_known
from simulator.measurement.cases import Case, case

# (hidden, heads, kv_heads, head_dim, inter): GPT-2 small with a gated network, Llama-3.2 1B, Llama-3 8B; on GPUs Llama-3 70B as the third
LAYERS = {
    "cpu": ((768, 12, 12, 64, 2048), (2048, 32, 8, 64, 8192), (4096, 32, 8, 128, 14336)),
    "cuda": ((2048, 32, 8, 64, 8192), (4096, 32, 8, 128, 14336), (8192, 64, 8, 128, 28672)),
}
SPAN = {"cpu": 1, "cuda": 8}  # a device's cores, roughly: large sizes are so much larger
DTYPES = {"cpu": ("fp32", "bf16", "fp64"), "cuda": ("bf16", "fp16", "fp32", "fp8")}
VECTOR_DTYPES = {"cpu": ("fp32",), "cuda": ("bf16", "fp32")}
ELEMENTWISE = ("add", "mul", "div", "addu", "relu", "exp", "tanh", "sigmoid", "gelu", "silu", "copy", "triad")


def suite(name: str, device: str) -> list[Case]:
    """The cases of a suite, each once.

    Parameters
    ----------
    name : str
        ``quick``, ``full`` or ``layer``.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    NameMiss
        For another name.
    """
    check_known("suite", name, SUITES)
    cases = [c for family in SUITES[name] for c in family(device)]
    return list(dict.fromkeys(cases))


def products(device: str) -> Iterator[Case]:
    """Square, wide, deep and thin products, on and beside the edges of blocks; the layers of models from one token to many."""
    scale = SPAN[device]
    square = [(n, n, n) for n in (32, 64, 96, 128, 192, 256, 384, 500, 512, 768, 1000, 1024, 1536)]
    skewed = [(m, n, k) for m, n, k in product((1, 4, 16, 64, 256), (256, 1024, 4096), (256, 1024, 4096))]
    odd = [(33, 65, 129), (100, 300, 700), (127, 1023, 511), (255, 257, 2049), (17, 3000, 1000), (700, 40, 1500), (2000, 24, 600), (8, 8, 8192)]
    large = [(m * scale, n * scale, k * scale) for m, n, k in ((512, 2048, 2048), (128, 4096, 4096), (1024, 1024, 4096))]
    for dtype in DTYPES[device]:
        for m, n, k in (*square, *skewed, *odd, *large):
            yield case("gemm", dtype, m=m, n=n, k=k)
        for m, n, k in square[:9]:
            yield case("gemm", dtype, warm=True, m=m, n=n, k=k)
    for dtype in DTYPES[device][:2]:
        for m, n, k in (*skewed, *odd):
            yield case("linear", dtype, m=m, n=n, k=k)


def batched_products(device: str) -> Iterator[Case]:
    """Many small products, as in attention."""
    sizes = [(16, 64), (64, 64), (128, 64), (256, 64), (512, 64), (64, 128), (256, 128)]
    for dtype in VECTOR_DTYPES[device]:
        for (length, width), batch in product(sizes, (2, 8, 32, 96)):
            if batch * length * length <= 2**23 * SPAN[device]:
                yield case("bmm", dtype, batch=batch, m=length, n=length, k=width)
                yield case("bmm", dtype, batch=batch, m=length, n=width, k=length)
        for length in (48, 100, 300):
            yield case("bmm", dtype, warm=True, batch=8, m=length, n=length, k=length)


def attention(device: str) -> Iterator[Case]:
    """Prefill and decode: heads, groups, widths of head, lengths."""
    heads = [(8, 8, 64), (16, 4, 64), (8, 2, 128)]
    longest = 1024 * SPAN[device]
    for dtype in DTYPES[device][:2]:
        for (h, kv, d), batch, length in product(heads, (1, 4), (64, 128, 256, 512, 1024, 2048, 4096, 8192)):
            if length <= longest // (1 if batch == 1 else 2):
                yield case("attn_prefill", dtype, batch=batch, heads=h, kv_heads=kv, head_dim=d, q_len=length, kv_len=length)
        for (h, kv, d), batch, length in product(heads, (1, 4, 16), (128, 512, 2048, 8192)):
            if batch * length <= 32768 * SPAN[device]:
                yield case("attn_decode", dtype, batch=batch, heads=h, kv_heads=kv, head_dim=d, q_len=1, kv_len=length)


def elementwise(device: str) -> Iterator[Case]:
    """From what fits the nearest cache to what only memory holds."""
    grid = [(1, 1024), (16, 512), (64, 1000), (128, 1024), (100, 4096), (512, 2048), (1024, 2560), (2048, 4096)]
    warm = [(1, 4096), (32, 1024), (64, 2048), (256, 1024), (512, 1536), (1024, 1024), (1000, 2048), (2048, 2048)]
    for dtype, op in product(VECTOR_DTYPES[device], ELEMENTWISE):
        for rows, cols in grid:
            yield case(op, dtype, rows=rows * SPAN[device], cols=cols)
        for rows, cols in warm:
            yield case(op, dtype, warm=True, rows=rows * SPAN[device], cols=cols)
        for exponent, kept in product(range(11, 25), (False, True)):
            yield case(op, dtype, warm=kept, rows=2 ** (exponent // 2) * SPAN[device], cols=3 * 2 ** (exponent - exponent // 2 - 2))
    for op in ("copy", "triad"):
        yield case(op, "fp32", rows=4096 * SPAN[device], cols=4096)


def rows(device: str) -> Iterator[Case]:
    """Softmax and norms: many short rows to few long ones."""
    for dtype, op in product(VECTOR_DTYPES[device], ("softmax", "layernorm", "rmsnorm")):
        for count, cols in product((1, 16, 128, 1024, 4096), (64, 256, 768, 1024, 4096, 16384)):
            if 2**10 <= count * cols <= 2**22 * SPAN[device]:
                yield case(op, dtype, rows=count, cols=cols)
                if cols in (256, 768, 4096):
                    yield case(op, dtype, warm=True, rows=count, cols=cols)


def convolution(device: str) -> Iterator[Case]:
    """Layers of residual networks, narrow to wide, and pointwise and large filters."""
    layers = [(3, 64, 112, 7, 2), (64, 64, 56, 3, 1), (64, 256, 56, 1, 1), (128, 128, 28, 3, 1), (256, 128, 28, 1, 1), (256, 256, 14, 3, 1),
              (512, 512, 7, 3, 1), (128, 256, 28, 3, 2), (1024, 256, 14, 1, 1), (32, 32, 32, 5, 1), (16, 48, 64, 3, 1), (96, 192, 20, 3, 1)]  # fmt: skip
    for (cin, cout, side, kernel, stride), batch in product(layers, (1, 2, 4)):
        sizes = {"batch": batch * SPAN[device], "cin": cin, "cout": cout, "in_h": side, "in_w": side, "kernel_h": kernel, "kernel_w": kernel}
        sizes |= {"stride_h": stride, "stride_w": stride, "pad_h": kernel // 2, "pad_w": kernel // 2}
        yield Case("conv_fwd", "fp32", tuple(sizes.items()))


def gather(device: str) -> Iterator[Case]:
    """Embeddings: few tokens to many, narrow tables to wide."""
    for dtype in VECTOR_DTYPES[device]:
        for count, cols in product((1, 8, 32, 128, 512, 1024, 4096), (64, 256, 768, 2048, 4096)):
            if count * cols <= 2**22:
                yield case("embedding", dtype, rows=count, cols=cols, entries=max(16000, 2**25 // cols))  # 128 MiB at least in fp32


def layers(device: str) -> Iterator[Case]:
    """A whole transformer layer of three models, prefill and decode."""
    prompts = ((1, 32), (1, 128), (1, 512), (4, 64), (2, 256))
    contexts = tuple(product((1, 4, 16), (128, 1024)))
    for dtype, sizes in product(DTYPES[device][:2], LAYERS[device]):
        names = tuple(zip(("hidden", "heads", "kv_heads", "head_dim", "inter"), sizes, strict=True))
        for batch, length in prompts:
            yield Case("layer", dtype, (("batch", batch), ("q_len", length * SPAN[device]), ("kv_len", length * SPAN[device]), *names))
        for batch, context in contexts:
            yield Case("layer", dtype, (("batch", batch), ("q_len", 1), ("kv_len", context * SPAN[device]), *names))


def some_of_each(device: str) -> Iterator[Case]:
    """Every kernel a few times, small: whether all works, in seconds."""
    for family in FULL:
        by_op: dict[tuple[str, str], list[Case]] = {}
        for c in family(device):
            by_op.setdefault((c.op, c.dtype), []).append(c)
        for cases in by_op.values():
            yield from cases[: len(cases) // 2 : max(1, len(cases) // 6)]


FULL = (products, batched_products, attention, elementwise, rows, convolution, gather)
SUITES = {"quick": (some_of_each,), "full": (*FULL, layers), "layer": (layers,)}
