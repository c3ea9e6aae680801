"""Times packages beside onnxruntime, in one run and by one thread each.

Usage: ASSAY=path/to/assay SPEED=path/to/examples/speed python models/speed.py   (needs numpy, onnx, onnxruntime)

Models of the sizes that people use, with random weights: a MobileNet-like CNN, a transformer encoder of 22 M parameters over
128 tokens, a perceptron that is bound by reading its weights, and gradient boosting over 100 trees. onnxruntime's time is the
shortest of several runs too. `/ ort` is the time of an executor with its trace, divided by that of onnxruntime.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

random = np.random.default_rng(7)
ROUNDS = 4


class Graph:
    """Nodes and constants, one after the other."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weights(self, *shape, scale=None):
        depth = np.prod(shape[1:]) if len(shape) > 1 else 1
        values = random.standard_normal(shape, np.float32) * (scale or 1 / np.sqrt(depth))
        return self.constant(values.astype(np.float32))

    def add(self, operator, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, inputs, output):
        graph = helper.make_graph(
            self.nodes, "g", inputs, [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], self.constants
        )
        sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=8)


def cnn():
    """Inverted residuals as in MobileNetV2, on 72 by 72 pixels."""
    graph = Graph()

    def convolve(x, channels_in, channels_out, kernel, stride=1, groups=1, function=True):
        weights = graph.weights(channels_out, channels_in // groups, kernel, kernel)
        pads = [kernel // 2] * 4
        x = graph.add("Conv", x, weights, graph.weights(channels_out), pads=pads, strides=[stride] * 2, group=groups)
        if function:
            x = graph.add("Clip", x, graph.constant(np.float32(0)), graph.constant(np.float32(6)))
        return x

    x = convolve("x", 3, 32, 3)
    channels = 32
    settings = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, out, repeats, stride in settings:
        for index in range(repeats):
            step = stride if index == 0 else 1
            hidden = channels * expansion
            y = convolve(x, channels, hidden, 1) if expansion > 1 else x
            y = convolve(y, hidden, hidden, 3, step, hidden)
            y = convolve(y, hidden, out, 1, function=False)
            x = graph.add("Add", x, y) if step == 1 and channels == out else y
            channels = out
    x = graph.add("GlobalAveragePool", convolve(x, channels, 1280, 1))
    x = graph.add("Gemm", graph.add("Flatten", x), graph.weights(1280, 1000), graph.weights(1000))
    return graph.model([helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 72, 72])], x)


class Calibration(CalibrationDataReader):
    def __init__(self):
        self.left = [{"x": random.standard_normal((1, 3, 72, 72), np.float32)} for _ in range(4)]

    def get_next(self):
        return self.left.pop() if self.left else None


def quantized_cnn():
    """The same in int8: convolutions and the dense layer on integers."""
    with tempfile.TemporaryDirectory(prefix="assay-speed-") as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "quantized.onnx"
        onnx.save(cnn(), source)
        quantize_static(
            source,
            target,
            Calibration(),
            quant_format=QuantFormat.QOperator,
            op_types_to_quantize=["Conv", "Clip"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load(target)


def transformer(layers=6, width=384, heads=12, tokens=128, words=30522):
    """An encoder as of sentence embeddings: 22 M parameters with those of the words."""
    graph = Graph()
    shape = graph.constant(np.array([tokens, heads, width // heads], np.int64))
    flat = graph.constant(np.array([tokens, width], np.int64))

    def linear(x, rows, columns):
        return graph.add("Add", graph.add("MatMul", x, graph.weights(rows, columns)), graph.weights(columns))

    def normalized(x):
        ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
        return graph.add("LayerNormalization", x, graph.constant(ones), graph.constant(zeros), axis=-1)

    x = graph.add("Gather", graph.weights(words, width, scale=1.0), "x")
    x = normalized(graph.add("Add", x, graph.weights(tokens, width)))
    for _ in range(layers):
        parts = [graph.add("Reshape", linear(x, width, width), shape) for _ in range(3)]
        q, v = (graph.add("Transpose", part, perm=[1, 0, 2]) for part in (parts[0], parts[2]))
        k = graph.add("Transpose", parts[1], perm=[1, 2, 0])
        scores = graph.add("Mul", graph.add("MatMul", q, k), graph.constant(np.float32((width / heads) ** -0.5)))
        mixed = graph.add("Transpose", graph.add("MatMul", graph.add("Softmax", scores), v), perm=[1, 0, 2])
        x = normalized(graph.add("Add", x, linear(graph.add("Reshape", mixed, flat), width, width)))
        wide = linear(x, width, 4 * width)
        half = graph.add("Mul", wide, graph.constant(np.float32(0.5)))
        erf = graph.add("Erf", graph.add("Mul", wide, graph.constant(np.float32(0.5**0.5))))
        gelu = graph.add("Mul", half, graph.add("Add", erf, graph.constant(np.float32(1))))
        x = normalized(graph.add("Add", x, linear(gelu, 4 * width, width)))
    x = graph.add("ReduceMean", x, axes=[0], keepdims=1)
    return graph.model([helper.make_tensor_value_info("x", TensorProto.INT64, [tokens])], x)


def perceptron(width=2048, layers=4):
    graph = Graph()
    x = "x"
    for _ in range(layers):
        x = graph.add("Relu", graph.add("Gemm", x, graph.weights(width, width), graph.weights(width)))
    return graph.model([helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, width])], x)


def boosting(trees=100, depth=6, features=50):
    """Full trees."""
    columns = {name: [] for name in ["treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids"]}
    leaves = []
    inner = 2**depth - 1
    for tree in range(trees):
        for node in range(2 * inner + 1):
            leaf = node >= inner
            row = [tree, node, "LEAF" if leaf else "BRANCH_LEQ", 0 if leaf else int(random.integers(features)),
                   0.0 if leaf else float(np.float32(random.standard_normal())),
                   0 if leaf else 2 * node + 1, 0 if leaf else 2 * node + 2]
            for values, value in zip(columns.values(), row):
                values.append(value)
            if leaf:
                leaves.append((tree, node))
    graph = Graph()
    attributes = {f"nodes_{name}": values for name, values in columns.items()}
    attributes |= {
        "target_treeids": [tree for tree, _ in leaves],
        "target_nodeids": [node for _, node in leaves],
        "target_ids": [0] * len(leaves),
        "target_weights": [float(value) for value in random.standard_normal(len(leaves), np.float32)],
    }
    y = graph.add("TreeEnsembleRegressor", "x", domain="ai.onnx.ml", n_targets=1, **attributes)
    return graph.model([helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, features])], y)


def onnxruntime_time(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (x,) = session.get_inputs()
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    feed = {x.name: np.zeros(x.shape, types[x.type])}
    times = []
    end = time.perf_counter() + 2
    while time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def onnxruntime_times(path):
    return [onnxruntime_time(path, threads) for threads in (1, os.cpu_count())]


def run_json(speed, *arguments):
    (row,) = json.loads(subprocess.run([speed, "--json", *arguments], check=True, capture_output=True, text=True).stdout)
    return row


def main():
    assay, speed = os.environ["ASSAY"], os.environ["SPEED"]
    models = {"CNN": cnn, "CNN, int8": quantized_cnn, "transformer encoder": transformer, "perceptron": perceptron, "100 trees": boosting}
    print("| model | parameters | steps | onnxruntime, ms | native, ms | with the trace, ms | / ort | jit / ort | wasmi / ort | all cores / ort |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(prefix="assay-speed-") as folder:
        for name, make in models.items():
            path = Path(folder) / "model.onnx"
            model = make()
            onnx.save(model, path)
            package = path.with_suffix(".assay")
            subprocess.run([assay, "pack", path, "-o", package], check=True, capture_output=True, text=True)
            row = run_json(speed, package)
            times = row["milliseconds"]
            # By turns: the machine is not always as fast.
            own, own_of_all = onnxruntime_times(path)
            for _ in range(ROUNDS):
                times["native"] = list(map(min, times["native"], run_json(speed, "--native", package)["milliseconds"]["native"]))
                own, own_of_all = map(min, (own, own_of_all), onnxruntime_times(path))
            ratio = {executor: traced / own for executor, (_, traced, _) in times.items()}
            parameters = sum(numpy_helper.to_array(constant).size for constant in model.graph.initializer)
            print(
                f"| {name} | {parameters:,} | {row['steps']:,} | {own:.2f} | {times['native'][0]:.2f} | {times['native'][1]:.2f} "
                f"| {ratio['native']:.1f} | {ratio['jit']:.1f} | {ratio['wasmi']:.1f} "
                f"| {times['native'][2] / own_of_all:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
