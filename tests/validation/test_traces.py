"""Traces: small ones in the profilers' formats, of which every kernel is known."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import roofscape as rs
from roofscape.cli import main
from simulator.cost import Cost
from simulator.validation.tidy import TableError
from simulator.validation.traces.kineto import read_kineto
from simulator.validation.traces.launch import kind_of
from simulator.validation.traces.match import expected_order
from simulator.validation.traces.nsys import read_nsys
from workloads.operator import Contraction

Run = Callable[..., tuple[int, dict[str, Any]]]
Event = dict[str, Any]
WHAT = ("--model", "llama-3-8b", "--on", "h100-sxm", "--batch", "32")
SLOWER = 1.25  # every kernel of a synthetic trace takes so much longer than predicted
NAMES = {
    "qkv": "nvjet_tst_64x8_64x16_4x1_v_bz_TNT", "out": "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm>", "gate_up": "sm90_xmma_gemm_bf16bf16",
    "down": "ampere_bf16_s16816gemm_bf16_64x64", "head": "void gemmk1_kernel", "attention": "void flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits>",
    "embedding": "void at::native::indexSelectLargeIndex", "activation": "void vllm::act_and_mul_kernel<silu>",
    "rotary_and_cache": "vllm::rotary_embedding_kernel",
}  # fmt: skip


def decode_costs() -> tuple[Cost, ...]:
    return rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=32, context=2048), timing="kernel").passes[0].costs


def in_order(passes: int) -> list[Cost]:
    costs = decode_costs()
    return [costs[i] for _ in range(passes) for i in expected_order(costs)]


def kernel_name(cost: Cost) -> str:
    return NAMES.get(cost.operator.name, "void flashinfer::norm::FusedAddRMSNormKernel")


def kineto(passes: int = 2, shapes: bool = True, rows: int | None = None) -> list[Event]:
    """Events of some decode steps, as `torch.profiler` writes them."""
    events: list[Event] = []
    for i, cost in enumerate(in_order(passes)):
        time_us, operator = float(cost.time_s) * 1e6 * SLOWER, cost.operator
        if shapes and isinstance(operator, Contraction):
            m, n, k = rows or int(operator.m), int(operator.n), int(operator.k)
            dims = {"External id": i, "Input Dims": [[m, k], [k, n]], "Input type": ["c10::BFloat16"] * 2}
            events.append({"ph": "X", "cat": "cpu_op", "name": "aten::mm", "ts": 100.0 * i, "dur": 9.0, "args": dims})
            events.append(
                {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": 100.0 * i, "dur": 3.0, "args": {"External id": i, "correlation": 9000 + i}}
            )
        events.append({"ph": "X", "cat": "kernel", "name": kernel_name(cost), "ts": 100.0 * i, "dur": time_us, "args": {"correlation": 9000 + i, "stream": 7}})
    return [*events, {"ph": "f", "cat": "ac2g", "name": "ac2g", "ts": 1.0}, {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy DtoH", "ts": 1e7, "dur": 4.0}]


def written(path: Path, events: Any) -> Path:
    content = json.dumps({"schemaVersion": 1, "traceEvents": events}).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def by_op(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {g["op"]: g for g in found["groups"]}


@pytest.mark.parametrize("name", ["trace.json", "trace.pt.trace.json.gz"])
@pytest.mark.parametrize("shapes", [True, False])
def test_every_operator_of_a_kineto_trace_is_found_and_scored(run: Run, tmp_path: Path, name: str, shapes: bool) -> None:
    code, found = run(written(tmp_path / name, kineto(shapes=shapes)), *WHAT)
    assert code == 0
    assert {op: g["rows"] for op, g in by_op(found).items()} == {c.operator.name: 2 * int(c.count) for c in decode_costs()}
    assert all(g["mape"] == pytest.approx(1.0 - 1.0 / SLOWER) for g in found["groups"])  # all as slow: each kernel went to its own operator
    held = {c.operator.name: float(c.time_s) * SLOWER for c in decode_costs()}
    spans = {
        o["name"]: o["interval90"]
        for o in rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=32, context=2048), timing="kernel").to_dict()["operators"]
    }
    for op, g in by_op(found).items():
        low, high = spans[op]
        assert g["coverage90"] == float(low <= held[op] <= high) and g["width90"] == pytest.approx(high / low)
    assert [(u["rows"], u["reason"].split(":")[0]) for u in found["unscored"]] == [(1, "memory kernels")]
    assert found["unscored"][0]["reason"].endswith("% of the device's time: Memcpy DtoH)")  # what was not matched, by name
    assert "decode, batch 32, context 2048, tp 1" in found["notes"][0]


def test_products_apart_that_share_an_input_are_one_operator(run: Run, tmp_path: Path) -> None:
    events = kineto()
    for at in [i for i, e in enumerate(events) if e["name"] == "aten::mm" and e["args"]["Input Dims"][1] == [4096, 6144]][::-1]:
        operator, launch, kernel = events[at : at + 3]
        apart = []
        for part, n in enumerate((4096, 1024, 1024)):  # queries, keys, values
            key = operator["args"]["External id"] + 10_000 * (part + 1)
            apart += [
                {**operator, "args": {**operator["args"], "External id": key, "Input Dims": [[32, 4096], [4096, n]]}},
                {**launch, "args": {"External id": key, "correlation": key}},
                {**kernel, "ts": kernel["ts"] + 10.0 * part, "dur": kernel["dur"] / 3.0, "args": {"correlation": key}},
            ]
        events[at : at + 3] = apart
    _, found = run(written(tmp_path / "trace.json", events), *WHAT)
    assert by_op(found)["qkv"]["rows"] == 64 and by_op(found)["qkv"]["mape"] == pytest.approx(1.0 - 1.0 / SLOWER)


def test_a_kernel_that_finishes_another_belongs_to_it(run: Run, tmp_path: Path) -> None:
    events = kineto(shapes=False)
    halves = [{**e, "dur": e["dur"] / 2.0} if "splitkv" in e["name"] else e for e in events]
    rest = [{**e, "name": "void flash_fwd_splitkv_combine_kernel<Flash_fwd_kernel_traits>", "ts": e["ts"] + 50.0} for e in halves if "splitkv" in e["name"]]
    _, found = run(written(tmp_path / "trace.json", [*halves, *rest]), *WHAT)
    assert by_op(found)["attention"]["rows"] == 64 and by_op(found)["attention"]["mape"] == pytest.approx(1.0 - 1.0 / SLOWER)


def test_a_trace_of_another_batch_says_so(run: Run, tmp_path: Path) -> None:
    code, found = run(written(tmp_path / "trace.json", kineto(rows=8)), *WHAT)
    assert code == 0 and "qkv" not in by_op(found)
    told = [u for u in found["unscored"] if "products of 8 rows where the scenario has 32" in u["reason"]]
    assert told[0]["rows"] == 2 * (4 * 32 + 1) and "% of the device's time" in told[0]["reason"]


def test_a_trace_of_another_model_says_so(run: Run, tmp_path: Path) -> None:
    _, shaped = run(written(tmp_path / "shaped.json", kineto()), "--model", "llama-2-13b", *WHAT[2:])
    assert "linear" not in {g["op"] for g in shaped["groups"]}
    assert "is it the trace of another model" in " ".join(u["reason"] for u in shaped["unscored"])
    code, bare = run(written(tmp_path / "bare.json", kineto(shapes=False)[:-40]), "--model", "llama-2-13b", *WHAT[2:])
    assert code == 2 and "no whole number of the model's passes" in " ".join(u["reason"] for u in bare["unscored"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not json {", "no JSON"), (b"", "no JSON"), (b'{"a": 1}', "no list 'traceEvents'"), (b"[]", "a trace without kernels"),
        (b'"text"', "no list 'traceEvents'"),
        (b'{"traceEvents": [1, null, {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "dur": 3}]}', "1 complete events (1 cpu_op)"),
        (b'{"traceEvents": [{"ph": "X", "cat": "kernel", "name": "k", "dur": "long"}, '
            b'{"ph": "X", "cat": "kernel", "name": "k", "dur": -2}]}', "without kernels"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_trace_is_told(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "trace.json").write_bytes(content)
    code, found = run(tmp_path / "trace.json", *WHAT)
    assert code == 2 and found["groups"] == [] and said in found["unscored"][0]["reason"]


def test_a_truncated_gzip_is_told(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps({"traceEvents": kineto(1)}).encode())
    (tmp_path / "t.json.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match="JSON"):
        read_kineto(tmp_path / "t.json.gz")


def test_a_trace_needs_to_be_told_what_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "trace.json", kineto(1))
    assert main(["validate", str(path)]) == 2
    assert "--model and --on" in capsys.readouterr().err
    assert main(["validate", str(path), *WHAT, "--phase", "inference"]) == 2
    assert "one kind of pass" in capsys.readouterr().err


TRACE_HEADER = (
    "Start (ns),Duration (ns),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Reg/Trd,StcSMem (MB),DymSMem (MB),"
    "Bytes (MB),Throughput (MB/s),SrcMemKd,DstMemKd,Device,Ctx,GreenCtx,Strm,Name"
)


def test_an_nsys_trace_is_dealt_to_the_operators_in_order(run: Run, tmp_path: Path) -> None:
    rows = [f'{100_000 * i},{float(c.time_s) * 1e9 * SLOWER:.3f},{i},{"," * 13}GPU 0,1,,7,"{kernel_name(c)}"' for i, c in enumerate(in_order(3))]
    (tmp_path / "cuda_gpu_trace.csv").write_text("\n".join(["Processing [report.sqlite] with [cuda_gpu_trace.py]...", TRACE_HEADER, *rows]))
    code, found = run(tmp_path / "cuda_gpu_trace.csv", *WHAT)
    assert code == 0 and not found["unscored"]
    assert {op: g["rows"] for op, g in by_op(found).items()} == {c.operator.name: 3 * int(c.count) for c in decode_costs()}
    assert all(g["mape"] == pytest.approx(1.0 - 1.0 / SLOWER, rel=1e-3) for g in found["groups"])


@pytest.mark.parametrize(("unit", "scale"), [("ns", 1e3), ("us", 1.0)])
def test_an_nsys_summary_is_compared_kind_by_kind(run: Run, tmp_path: Path, unit: str, scale: float) -> None:
    total: dict[str, tuple[float, int]] = {}
    for c in in_order(4):
        time_us, calls = total.get(kernel_name(c), (0.0, 0))
        total[kernel_name(c)] = time_us + float(c.time_s) * 1e6 * SLOWER, calls + 1
    total["void mystery_kernel"] = (77.0, 5)
    rows = [f'1.0,{t * scale},{n},{t * scale / n},1,1,1,1,"{name}"' for name, (t, n) in total.items()]
    header = f"Time (%),Total Time ({unit}),Instances,Avg ({unit}),Med ({unit}),Min ({unit}),Max ({unit}),StdDev ({unit}),Name"
    (tmp_path / "kern_sum.csv").write_text("\n".join([header, *rows]))
    code, found = run(tmp_path / "kern_sum.csv", *WHAT)
    assert code == 0
    groups = by_op(found)
    assert groups["attention"]["rows"] == 128 and groups["qkv+out+gate_up+down+head"]["rows"] == 4
    assert all(g["mape"] == pytest.approx(1.0 - 1.0 / SLOWER, rel=1e-6) for g in found["groups"])
    assert [u["rows"] for u in found["unscored"]] == [5] and "other kernels" in found["unscored"][0]["reason"]


def test_an_nsys_report_without_kernels_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text(TRACE_HEADER + "\n")
    with pytest.raises(TableError, match="without kernels"):
        read_nsys(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)", "collective"),
        ("void sglang::cross_device_reduce_1stage<__nv_bfloat16, 8>", "collective"), ("Memcpy HtoD (Pinned -> Device)", "memory"), ("[CUDA memset]", "memory"),
        ("fmhaSm100fKernel_QkvBfloat16OBfloat16H128PagedKv", "attention"), ("void flashinfer::BatchDecodeWithPagedKVCacheKernel", "attention"),
        ("fused_moe_kernel", "experts"), ("void deep_gemm::sm90_fp8_gemm_1d2d_impl", "gemm"), ("nvjet_tst_128x8_64x12_4x1_v_bz_TNT", "gemm"),
        ("Cijk_Ailk_Bljk_BBS_BH_MT64x64x32", "gemm"), ("void cublasLt::splitKreduce_kernel<32, 16>", "gemm"), ("ampere_sgemm_128x64_tn", "gemm"),
        ("void vllm::rms_norm_kernel<c10::BFloat16>", "norm"), ("void at::native::vectorized_layer_norm_kernel<float>", "norm"),
        ("void vllm::reshape_and_cache_flash_kernel", "rotary"), ("void flashinfer::norm::FusedAddRMSNormKernel", "norm"),
        ("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add>", "elementwise"),
        ("void at::native::indexSelectLargeIndex", "embedding"), ("triton_poi_fused_add_1", "elementwise"),
        ("void cudnn::winograd::generateWinogradTilesKernel", "convolution"),
        ("void at::native::softmax_warp_forward", "softmax"), ("my_kernel", "other"),
    ],
)  # fmt: skip
def test_names_of_kernels_tell_their_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_a_trace_that_torch_wrote_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profiler:
        torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    profiler.export_chrome_trace(str(tmp_path / "cpu.json"))
    with pytest.raises(TableError, match=r"without kernels: .* cpu_op"):  # a CPU's trace: read, and said to hold no device's work
        read_kineto(tmp_path / "cpu.json")


def test_operators_and_shapes_of_a_layer_that_torch_recorded_lead_to_its_kernels(tmp_path: Path) -> None:
    """A recorded trace of a small layer; only the kernels, which no device ran here, are put under the operators that torch wrote."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.SiLU(), torch.nn.Linear(256, 64)).eval()
    with torch.no_grad(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profiler:
        layer(torch.ones(8, 64))
    profiler.export_chrome_trace(str(tmp_path / "cpu.json"))
    events = json.loads((tmp_path / "cpu.json").read_text())["traceEvents"]
    products = [e for e in events if e.get("name") == "aten::addmm"]
    assert len(products) == 2 and all(e["cat"] == "cpu_op" and e["dur"] > 0.0 for e in products)
    kernels = [
        {"ph": "X", "cat": "kernel", "name": "ampere_sgemm_32x32_sliced1x4_tn", "ts": e["ts"], "dur": 5.0, "args": {"External id": e["args"]["External id"]}}
        for e in products
    ]
    launches = read_kineto(written(tmp_path / "device.json", [*events, *kernels]))
    assert [(k.kind, k.operator, k.time_us) for k in launches] == [("gemm", "aten::addmm", 5.0)] * 2
    assert [k.dims[1:3] for k in launches] == [((8, 64), (64, 256)), ((8, 256), (256, 64))]
