"""What each kind of compression costs: size, mAP and invoke time of one float model, all made and measured here.

    python benchmarks/quantization.py ../shared/models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite \
        --labels ../shared/models/ssd_mobilenet_v2_fpnlite_320_coco/labels.txt \
        --calibration ../shared/data/coco_train_128.json --annotations ../shared/data/coco_val_50.json

"int8, no repairs" is what the quantizer makes of the graph as it is. "int8, biases as rounded" has its dead channels
raised, but no bias correction; those named after a calibration method have both. Compare times as ratios, and only
within one run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_detector.config import Config
from edge_detector.workstation.calibration.ranges import METHODS, Ranges, calibrate
from edge_detector.workstation.data import coco
from edge_detector.workstation.data.images import InputTensors, find_images, spread
from edge_detector.workstation.evaluation.measurement import measure_models
from edge_detector.workstation.evaluation.text_report import text_report
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.float_source import FloatSource, read_float_source
from edge_detector.workstation.graph.model_files import write_model
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.bias_correction import SAMPLES, correct_biases
from edge_detector.workstation.quantization.calibrated import pixel_range
from edge_detector.workstation.quantization.dynamic import to_dynamic
from edge_detector.workstation.quantization.float16 import to_float16
from edge_detector.workstation.quantization.float32 import to_float32
from edge_detector.workstation.quantization.int8 import quantize_graph
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.weights import to_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a float or dynamic-range .tflite")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mean", type=float, help="of the input, for a source without a manifest; with --std")
    parser.add_argument("--std", type=float)
    args = parser.parse_args()
    source = read_float_source(args.source, Config(mean=args.mean, std=args.std))
    images = InputTensors(spread(find_images(args.calibration), args.samples), source.manifest.input)
    with TemporaryDirectory() as folder:
        configs = []
        for name, graph in variants(source, images):
            path = Path(folder) / f"{name}.tflite"
            write_model(path, graph, source.manifest, anchors=source.anchors, labels=args.labels)
            configs.append(Config(model=path, threads=args.threads))
        print(text_report(measure_models(configs, coco.load_annotations(args.annotations))), end="")


def variants(source: FloatSource, images: InputTensors) -> Iterator[tuple[str, TFLiteGraph]]:
    """(name, graph) of every kind of compression, the float model first; a graph may change with the next."""
    graph = source.graph
    repairs.tidy(graph)
    without_data = {"float32": to_float32, "float16": to_float16, "weights": to_weights, "dynamic": to_dynamic}
    for name, technique in without_data.items():
        yield name, technique(Material(source)).graph
    for method in METHODS:
        ranges = calibrate(graph, images, method)
        ranges[graph.name(graph.inputs[0])] = pixel_range(source.manifest.input)
        quantized = quantize_graph(repaired(graph, ranges), ranges)
        if method == "minmax":
            yield "int8, no repairs", quantize_graph(graph, ranges)
            yield "int8, biases as rounded", quantized
        spread_out = InputTensors(spread(images.paths, SAMPLES), source.manifest.input)  # as `convert` takes them
        samples = [tensor.copy() for tensor in spread_out]
        correct_biases(graph, quantized, samples)
        yield f"int8, {method}", quantized
        if method == "minmax":
            per_tensor = quantize_graph(graph, ranges, per_channel=False)
            correct_biases(graph, per_tensor, samples)
            yield "int8, one scale per tensor", per_tensor


def repaired(graph: TFLiteGraph, ranges: Ranges) -> TFLiteGraph:
    copy = graph.copy()
    repairs.raise_dead_channels(copy, {name: each.scale() for name, each in ranges.items()})
    return copy


if __name__ == "__main__":
    main()
