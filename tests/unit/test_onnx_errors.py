"""Files that are no graphs, and graphs whose shapes cannot be known: what is wrong, and what helps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from magnitudes.errors import InputError
from roofscape.cli import main
from workloads.importers.onnx import read_onnx
from workloads.model import ModelError

onnx = pytest.importorskip("onnx", reason="reading ONNX files is an extra: pip install 'roofscape[onnx]'")
TensorProto, helper = onnx.TensorProto, onnx.helper
GRAPHS = Path(__file__).parent / "graphs"
FLOAT = TensorProto.FLOAT


def written(tmp_path: Path, nodes: list[Any], inputs: list[Any], outputs: list[str], **more: object) -> Path:
    """A file with a graph of those nodes."""
    made = [helper.make_tensor_value_info(o, FLOAT, None) for o in outputs]
    graph = helper.make_graph(nodes, "g", inputs, made, **more)
    path = tmp_path / "graph.onnx"
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("my.own", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    return path


def tensor(name: str, *shape: int | str | None) -> Any:
    return helper.make_tensor_value_info(name, FLOAT, list(shape))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short(tmp_path: Path, share: float) -> None:
    data = (GRAPHS / "resnet50.onnx").read_bytes()
    (tmp_path / "short.onnx").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match=r"cut short.*export or download it again"):
        read_onnx(tmp_path / "short.onnx")


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip file of weights", b"<html>not found</html>", b'{"model_type": "llama"}', b"\x00" * 64])
def test_a_file_that_is_no_onnx(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "no.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="no ONNX file"):
        read_onnx(tmp_path / "no.onnx")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.onnx: cannot be read: No such file"):
        read_onnx(Path("nowhere.onnx"))


def test_an_input_of_dynamic_rank(tmp_path: Path) -> None:
    path = written(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], [helper.make_tensor_value_info("x", FLOAT, None)], ["y"])
    with pytest.raises(ModelError, match=r"input 'x' has a dynamic rank.*give it a shape before export"):
        read_onnx(path)


def test_a_rank_that_depends_on_values(tmp_path: Path) -> None:
    shape = helper.make_tensor_value_info("shape", TensorProto.INT64, ["rank"])
    nodes = [helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64), helper.make_node("Reshape", ["x", "whole"], ["y"])]
    path = written(tmp_path, nodes, [tensor("x", "n"), shape], ["y"])
    model = read_onnx(path, {"n": 4})
    assert any("axis y.0 depends on values" in note for note in model.notes)
    assert any("--dim y.0=N" in note for note in model.notes)
    assert not any("y.0" in note for note in read_onnx(path, {"n": 4, "y.0": 7}).notes)


def test_a_loop_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["x", "c"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
        helper.make_node("Tanh", ["b"], ["c"], name="third"),
    ]
    with pytest.raises(ModelError, match=r"loop: (first|second|third) -> .*LSTM, Loop or Scan"):
        read_onnx(written(tmp_path, nodes, [tensor("x", 2)], ["c"]))


def test_what_nothing_makes_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="node add reads 'ghost', which nothing makes"):
        read_onnx(written(tmp_path, [helper.make_node("Add", ["x", "ghost"], ["y"], name="add")], [tensor("x", 2)], ["y"]))


def test_an_output_that_nothing_makes(tmp_path: Path) -> None:
    model = read_onnx(written(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], [tensor("x", 2)], ["z"]))
    with pytest.raises(ModelError, match="output 'z' is made by no node"):
        _ = model.parameters


def test_shapes_that_do_not_fit_name_the_node(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")]
    with pytest.raises(ModelError, match=r"'y', an output of product \(MatMul\), cannot be known.*[Ii]ncompatible"):
        _ = read_onnx(written(tmp_path, nodes, [tensor("x", 2, 3), tensor("w", 4, 5)], ["y"])).parameters


def test_dimensions_are_bound_by_name_and_the_near_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown dimension 'sequense'; did you mean sequence\?.*batch, sequence"):
        read_onnx(GRAPHS / "gpt2.onnx", {"sequense": 8})
    for size in (0, -1, 2.5):
        with pytest.raises(ModelError, match=f"--dim batch={size:g}; it should be a whole number, one or more"):
            read_onnx(GRAPHS / "gpt2.onnx", {"batch": size})


def test_an_axis_without_a_name_goes_by_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], [tensor("x", None, 8)], ["y"])
    assert read_onnx(path).sizes.batch == "x.0"
    assert read_onnx(path, {"x.0": 5}).trace.tensors["y"].shape == (5, 8)


def test_operators_that_are_not_understood_are_listed_with_their_share(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Mystery", ["a"], ["b"], domain="my.own"),
        helper.make_node("Mystery", ["b"], ["c"], domain="my.own"),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    model = read_onnx(written(tmp_path, nodes, [tensor("x", 4, 8)], ["y"]))
    (unknown,) = model.unknown
    assert (unknown.operator, unknown.nodes, unknown.node_share, unknown.byte_share) == ("Mystery", 2, 0.5, 0.5)
    assert "Mystery (2 of 4 nodes, 50.00% of the bytes)" in model.notes[0] and "my.own.Mystery does not say what it makes" in model.notes[1]


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"needs the package onnx; install it with: pip install 'roofscape\[onnx\]'"):
        read_onnx(GRAPHS / "gpt2.onnx")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--dim", "bach=4"], "unknown dimension 'bach'; did you mean batch?"),
        (["--dim", "batch=4", "--batch", "2"], "say the same of resnet50; leave one out"),
        (["--dim", "batch=4", "--dim", "batch=5"], "--dim batch is given twice"),
        (["--tp", "2"], "part that an imported graph can be cut into"),
        (["--phase", "decode"], "resnet50 has no phase 'decode'; it can run images"),
    ],
)
def test_the_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str], options: list[str], says: str) -> None:
    assert main(["estimate", str(GRAPHS / "resnet50.onnx"), "--on", "h100-sxm", *options]) == 2
    assert says in capsys.readouterr().err


def test_a_fixed_batch_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(GRAPHS / "vgg16.onnx"), "--on", "h100-sxm", "--batch", "4"]) == 2
    assert "vgg16 takes 1 at once" in capsys.readouterr().err
    assert main(["estimate", "llama-3-8b", "--on", "h100-sxm", "--dim", "batch=4"]) == 2
    assert "only the graph in an ONNX file has" in capsys.readouterr().err


def test_the_command_line_estimates_a_graph(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(GRAPHS / "bert.onnx"), "--on", "h100-sxm", "--dim", "batch=4", "--dim", "sequence=128", "--dtype", "fp16"]) == 0
    assert "bert on h100-sxm: prefill, batch 4, prompt 128" in capsys.readouterr().out
