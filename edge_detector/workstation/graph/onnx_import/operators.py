"""The table: ONNX operator -> the function that appends it to a TFLite graph."""

from __future__ import annotations

from collections.abc import Callable

from ai_edge_litert import schema_py_generated as schema

from edge_detector.workstation.graph.onnx_import import arithmetic, arranging, slicing, windows
from edge_detector.workstation.graph.onnx_import.builder import GraphBuilder, Node
from edge_detector.workstation.graph.onnx_import.layout import Value

OPERATORS: dict[str, Callable[[GraphBuilder, Node], Value | tuple[Value, ...]]] = {
    "Add": arithmetic.binary("ADD", schema.AddOptionsT),
    "AveragePool": windows.average_pool,
    "BatchNormalization": arithmetic.batch_normalization,
    "Cast": arithmetic.cast,
    "Clip": arithmetic.clip,
    "Concat": arranging.concatenate,
    "Conv": windows.convolution,
    "Div": arithmetic.binary("DIV", schema.DivOptionsT),
    "Dropout": arranging.same,
    "Flatten": arranging.flatten,
    "Gemm": arithmetic.fully_connected,
    "GlobalAveragePool": windows.global_average_pool,
    "HardSigmoid": arithmetic.hard_sigmoid,
    "HardSwish": arithmetic.elementwise("HARD_SWISH"),
    "Identity": arranging.same,
    "LeakyRelu": arithmetic.leaky_relu,
    "MatMul": arithmetic.fully_connected,
    "MaxPool": windows.max_pool,
    "Mul": arithmetic.binary("MUL", schema.MulOptionsT),
    "Pad": slicing.pad_with_zeros,
    "Relu": arithmetic.elementwise("RELU"),
    "Reshape": arranging.reshape,
    "Resize": arranging.resize,
    "Sigmoid": arithmetic.elementwise("LOGISTIC"),
    "Slice": slicing.slice_axes,
    "Softmax": arithmetic.softmax,
    "Split": slicing.split,
    "Squeeze": arranging.squeeze,
    "Sub": arithmetic.binary("SUB", schema.SubOptionsT),
    "Transpose": arranging.transpose,
    "Unsqueeze": arranging.unsqueeze,
    "Upsample": arranging.resize,
}

# What to do about an operator that is not in the table.
WAYS_OUT = {
    "NonMaxSuppression": "export the network without its post-processing",
    "TopK": "export the network without its post-processing",
    "If": "export with torch.onnx.export(model.eval(), ...), and simplify the file with onnxsim",
    "Loop": "export with torch.onnx.export(model.eval(), ...), and simplify the file with onnxsim",
    "QuantizeLinear": "this network is quantized; export it before quantization",
    "DequantizeLinear": "this network is quantized; export it before quantization",
    "ConvTranspose": "train with Resize and Conv in its place",
}
ANY_OTHER_WAY = "simplify the file with onnxsim, or export only the part of the network before it"
