"""Writes small ONNX models that cover the supported operators, with an input and onnxruntime's output of each, and
models that cannot be packed.

Usage: python make.py     (needs models/digits/requirements-train.txt)

Each `<name>.onnx` comes with `<name>.in` and `<name>.out`: the bytes of its input and of its output.
`refused-<name>.onnx` come alone.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
RANDOM = np.random.default_rng(1)


def noise(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=output, **attributes)


def model(nodes, shape, constants, out_type=TensorProto.FLOAT, opset=13):
    """A model from `x` to `y`."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", out_type, None)
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "test", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write(name, made):
    (FOLDER / f"{name}.onnx").write_bytes(made.SerializeToString(deterministic=True))


def accepted(name, made, x=None):
    write(name, made)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    if x is None:
        x = noise(*session.get_inputs()[0].shape)
    (y,) = session.run(None, {"x": x})
    x.tofile(FOLDER / f"{name}.in")
    y.tofile(FOLDER / f"{name}.out")


def conv(name, channels, shape, kernel, bias=True, activation=None, **attributes):
    group = attributes.get("group", 1)
    constants = {"w": noise(channels, shape[1] // group, *kernel)}
    inputs = ["x", "w"]
    if bias:
        constants["b"] = noise(channels)
        inputs.append("b")
    nodes = [node("Conv", inputs, "c" if activation else "y", kernel_shape=kernel, **attributes)]
    if activation:
        nodes.append(node(activation, ["c"], "y"))
    accepted(name, model(nodes, shape, constants))


def quantized(name, op, shape, weights, zeros, element=np.uint8, **attributes):
    """A product of 8-bit integers between QuantizeLinear and DequantizeLinear; `zeros` are those of x, weights, y."""
    scales = {"xs": 0.0173, "ws": 0.011, "ys": 0.023}
    constants = {name: np.float32(scale) for name, scale in scales.items()}
    constants |= {name: element(zero) for name, zero in zip(["xz", "wz", "yz"], zeros)}
    limits = np.iinfo(element)
    # Weights minus their zero point fit into i8.
    low, high = max(limits.min, zeros[1] - 128), min(limits.max, zeros[1] + 127)
    constants["w"] = RANDOM.integers(low, high, weights, endpoint=True).astype(element)
    nodes = [
        node("QuantizeLinear", ["x", "xs", "xz"], "q"),
        node(op, ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz"], "p", **attributes),
        node("DequantizeLinear", ["p", "ys", "yz"], "y"),
    ]
    accepted(name, model(nodes, shape, constants))


def main():
    conv("conv-stride", 5, [1, 3, 9, 10], [3, 3], strides=[2, 2], pads=[1, 0, 2, 1])
    conv("conv-dilation", 4, [1, 2, 11, 11], [3, 2], dilations=[2, 3], bias=False)
    conv("conv-groups", 6, [1, 4, 7, 7], [3, 3], group=2, pads=[1, 1, 1, 1], activation="Relu")
    conv("conv-depthwise", 8, [1, 8, 12, 12], [5, 5], group=8, pads=[2, 2, 2, 2], activation="Sigmoid")
    conv("conv-pointwise", 7, [1, 33, 6, 5], [1, 1], activation="Tanh")
    conv("conv-line", 3, [1, 2, 20], [5], pads=[2, 2], strides=[2])
    conv("conv-batch", 3, [2, 2, 6, 6], [3, 3], pads=[1, 1, 1, 1])
    conv("conv-deep", 4, [1, 200, 8, 8], [3, 3], pads=[1, 1, 1, 1])

    pads = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    accepted("max-pool", model([node("MaxPool", ["x"], "y", **pads)], [1, 3, 8, 8], {}))
    accepted("average-pool", model([node("AveragePool", ["x"], "y", **pads)], [1, 3, 8, 8], {}))
    padded = node("AveragePool", ["x"], "y", count_include_pad=1, **pads)
    accepted("average-pool-with-padding", model([padded], [1, 3, 8, 8], {}))
    nodes = [node("GlobalAveragePool", ["x"], "g"), node("Flatten", ["g"], "y")]
    accepted("global-pool", model(nodes, [1, 5, 6, 7], {}))

    gemm = node("Gemm", ["x", "w", "b"], "y", transB=1)
    accepted("gemm-transposed", model([gemm], [3, 20], {"w": noise(35, 20), "b": noise(35)}))
    accepted("matmul-long", model([node("MatMul", ["x", "w"], "y")], [1, 4500], {"w": noise(4500, 20)}))
    nodes = [node("MatMul", ["x", "w"], "m"), node("LeakyRelu", ["m"], "y", alpha=0.1)]
    accepted("leaky-relu", model(nodes, [4, 5], {"w": noise(5, 6)}))

    limits = {"low": np.float32(-0.25), "high": np.float32(0.5)}
    accepted("clip", model([node("Clip", ["x", "low", "high"], "y")], [40], limits))
    for op in ["Abs", "Neg", "Exp", "Erf", "Sigmoid", "Tanh", "Relu"]:
        accepted(op.lower(), model([node(op, ["x"], "y")], [3, 11], {}))
    nodes = [node("Sigmoid", ["x"], "s"), node("Mul", ["x", "s"], "y")]
    accepted("silu", model(nodes, [2, 9], {}))
    nodes = [node("Relu", ["x"], "r"), node("Add", ["x", "r"], "y")]
    accepted("residual", model(nodes, [1, 3, 5, 5], {}))
    for op in ["Add", "Sub", "Mul", "Div"]:
        channel = {"c": noise(3, 1, 1) + np.float32(2)}
        accepted(f"{op.lower()}-by-channel", model([node(op, ["x", "c"], "y")], [1, 3, 5, 5], channel))
    for op in ["Add", "Sub", "Mul"]:
        accepted(f"{op.lower()}-from-scalar", model([node(op, ["s", "x"], "y")], [1, 9], {"s": np.float32(2.5)}))
    batch_norm = {"s": noise(3), "b": noise(3), "m": noise(3), "v": np.abs(noise(3))}
    normalize = node("BatchNormalization", ["x", "s", "b", "m", "v"], "y")
    accepted("batch-norm", model([normalize], [1, 3, 4, 4], batch_norm))
    accepted("softmax-middle", model([node("Softmax", ["x"], "y", axis=1)], [2, 5, 3], {}))
    arg_max = node("ArgMax", ["x"], "y", axis=1, keepdims=0)
    accepted("argmax", model([arg_max], [3, 12], {}, TensorProto.INT64))

    positive = np.abs(noise(3, 11)) + np.float32(0.01)
    for op in ["Log", "Sqrt"]:
        accepted(op.lower(), model([node(op, ["x"], "y")], [3, 11], {}), positive)
    for op in ["Min", "Max"]:
        accepted(f"{op.lower()}-of-tensors", model([node(op, ["x", "c"], "y")], [2, 11], {"c": noise(11)}))
    accepted("reduce-sum", model([node("ReduceSum", ["x", "axes"], "y")], [2, 3, 4], {"axes": np.array([1, 2])}))
    accepted("reduce-mean", model([node("ReduceMean", ["x"], "y", axes=[2], keepdims=0)], [2, 3, 4], {}))
    accepted("reduce-max", model([node("ReduceMax", ["x"], "y", axes=[2])], [2, 3, 4], {}))

    conv("conv-one-channel", 4, [1, 1, 8, 8], [1, 1])
    conv("conv-one-channel-batch", 3, [2, 1, 4, 5], [1, 1], bias=False, activation="Relu")
    accepted("matmul-outer", model([node("MatMul", ["x", "w"], "y")], [4, 1], {"w": noise(1, 6)}))
    accepted("div-from-scalar", model([node("Div", ["s", "x"], "y")], [3, 11], {"s": np.float32(2.5)}), positive)
    accepted("square", model([node("Mul", ["x", "x"], "y")], [3, 11], {}))
    nodes = [node("Sqrt", ["x"], "r"), node("Div", ["s", "r"], "y")]
    accepted("reciprocal-root", model(nodes, [3, 11], {"s": np.float32(1)}), positive)
    halves = {"r": np.float32(2) ** np.float32(0.5), "one": np.float32(1), "half": np.float32(0.5)}
    nodes = [
        node("Div", ["x", "r"], "d"),
        node("Erf", ["d"], "e"),
        node("Add", ["e", "one"], "a"),
        node("Mul", ["x", "a"], "m"),
        node("Mul", ["m", "half"], "y"),
    ]
    accepted("gelu", model(nodes, [3, 11], halves))

    # tract keeps the reciprocals of scales: both of these have neighbours with the same one.
    for name, scale in [("quantize-tie", 0.8839616), ("quantize-tie-above", 0.8839617)]:
        ties = (np.arange(256, dtype=np.float32) + np.float32(0.5)) * np.float32(scale)
        quantize = node("QuantizeLinear", ["x", "s", "z"], "q")
        nodes = [quantize, node("DequantizeLinear", ["q", "s", "z"], "y")]
        constants = {"s": np.float32(scale), "z": np.uint8(0)}
        accepted(name, model(nodes, [1, 256], constants), ties.reshape(1, 256))

    quantized("quantized-matmul", "QLinearMatMul", [5, 21], [21, 17], [131, 120, 90])
    quantized("quantized-matmul-signed", "QLinearMatMul", [1, 33], [33, 5], [-9, 3, 17], np.int8)
    padded = dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    quantized("quantized-conv", "QLinearConv", [1, 3, 6, 7], [4, 3, 3, 3], [140, 110, 70], **padded)
    quantized("quantized-conv-signed", "QLinearConv", [2, 2, 5, 5], [4, 1, 3, 3], [-20, 0, 11], np.int8, group=2)

    write("refused-dynamic-shape", model([node("Relu", ["x"], "y")], ["n", 4], {}))
    write("refused-long-input", model([node("ReduceMax", ["x"], "y")], [1, 20000], {}))
    write("refused-long-output", model([node("Relu", ["x"], "y")], [1, 5000], {}))


if __name__ == "__main__":
    main()
