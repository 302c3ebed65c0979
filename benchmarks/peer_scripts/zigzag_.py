"""ZigZag on its own ResNet-18 and its own TPU-like accelerator.

``search FOLDER`` finds a mapping for each layer and prints JSON: seconds, layers with their loops, the accelerator's numbers, the best costs.
``judge FOLDER`` reads nests, one a layer, and prints what ZigZag's cost model says of them.
"""

import json
import logging
import pickle
import sys
import time
from pathlib import Path

import yaml
import zigzag
from zigzag.api import get_hardware_performance_zigzag
from zigzag.cost_model.cost_model import CostModelEvaluation
from zigzag.datatypes import LayerDim, LayerOperand
from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType

INPUTS = Path(zigzag.__file__).parent / "inputs"
ACCELERATOR = INPUTS / "hardware" / "tpu_like.yaml"
NAMES = {"k": "K", "c": "C", "x": "OX", "y": "OY", "r": "FX", "s": "FY", "b": "B"}


def search(folder):
    logging.disable(logging.CRITICAL)
    start = time.process_time()
    energy, clock, cmes = get_hardware_performance_zigzag(
        str(INPUTS / "workload" / "resnet18.onnx"),
        str(ACCELERATOR),
        str(INPUTS / "mapping" / "tpu_like.yaml"),
        opt="EDP",
        dump_folder=folder,
        pickle_filename=str(Path(folder) / "cmes.pickle"),
        loma_show_progress_bar=False,
    )
    seconds = time.process_time() - start
    best = [cme for cme, _ in cmes[0][1]]
    (Path(folder) / "best.pickle").write_bytes(pickle.dumps(best))
    accelerator = yaml.safe_load(ACCELERATOR.read_text())
    layers = [
        {
            "name": cme.layer.name,
            "loops": {str(d): int(n) for d, n in cme.layer.layer_dim_sizes.items()},
            "input": {str(d): int(n) for d, n in cme.layer.pr_layer_dim_sizes.items()} if cme.layer.pr_layer_dim_sizes else {},
            "energy_pj": cme.energy_total,
            "clock": cme.latency_total2,
        }
        for cme in best
    ]
    return {"seconds": seconds, "energy_pj": energy, "clock": clock, "layers": layers, "accelerator": accelerator}


def blocks(nest, gemm):
    """Loops of each operand's memories, innermost first: weights skip the buffer, inputs have no register."""
    names = NAMES | ({"x": "D"} if gemm else {})
    element, buffer, memory = ([(LayerDim(names[d]), int(n)) for d, n in nest[block]] for block in ("element", "buffer", "memory"))
    return {
        LayerOperand("O"): [element, buffer, memory],
        LayerOperand("W"): [element, buffer + memory],
        LayerOperand("I"): [element + buffer, memory],
    }


def judge(folder):
    nests = json.load(sys.stdin)
    best = pickle.loads((Path(folder) / "best.pickle").read_bytes())
    judged = []
    for cme, nest in zip(best, nests, strict=True):
        mapping = TemporalMapping(blocks(nest, "OX" not in {str(d) for d, _ in cme.layer.layer_dim_sizes.items()}), cme.layer, TemporalMappingType.UNEVEN)
        ours = CostModelEvaluation(
            accelerator=cme.accelerator,
            layer=cme.layer,
            spatial_mapping=cme.spatial_mapping,
            spatial_mapping_int=cme.spatial_mapping_int,
            temporal_mapping=mapping,
            access_same_data_considered_as_no_access=True,
        )
        used = {str(op): [float(u) for u in levels] for op, levels in ours.mem_utili_shared.items()}
        judged.append({"energy_pj": ours.energy_total, "clock": ours.latency_total2, "used": used})
    return judged


if __name__ == "__main__":
    print(json.dumps({"search": search, "judge": judge}[sys.argv[1]](sys.argv[2])))
