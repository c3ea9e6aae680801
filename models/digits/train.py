"""Trains the digits models and writes them as ONNX, with the test split.

Usage: python train.py [FOLDER]

The data is scikit-learn's copy of the UCI digits: 1797 grey images of 8 x 8 pixels, values 0..16, scaled to 0..1.
One image in five is held back for testing, stratified by class. Every random choice follows from SEED.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7
OPSET = 13
IR_VERSION = 8
CLASSES = 10
BATCH = 64


def load_split():
    """Returns train and test images [n, 64] in 0..1 and labels [n]."""
    digits = load_digits()
    images = (digits.data / 16.0).astype(np.float32)
    labels = digits.target.astype(np.uint8)
    return train_test_split(images, labels, test_size=360, random_state=SEED, stratify=labels)


def uniform(key, shape, fan_in):
    """He initialization."""
    bound = (6.0 / fan_in) ** 0.5
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)


def init_mlp(key):
    sizes = [64, 64, 32, CLASSES]
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (uniform(k, (n_in, n_out), n_in), jnp.zeros(n_out))
        for k, n_in, n_out in zip(keys, sizes, sizes[1:])
    ]


def apply_mlp(params, images):
    hidden = images
    for weights, bias in params[:-1]:
        hidden = jax.nn.relu(hidden @ weights + bias)
    weights, bias = params[-1]
    return hidden @ weights + bias


CNN_CHANNELS = [1, 16, 32, 48]


def init_cnn(key):
    keys = jax.random.split(key, len(CNN_CHANNELS))
    layers = [
        (uniform(k, (n_out, n_in, 3, 3), n_in * 9), jnp.zeros(n_out))
        for k, n_in, n_out in zip(keys, CNN_CHANNELS, CNN_CHANNELS[1:])
    ]
    flat = CNN_CHANNELS[-1] * 4 * 4
    return layers + [(uniform(keys[-1], (flat, CLASSES), flat), jnp.zeros(CLASSES))]


def convolve(images, weights, bias):
    out = jax.lax.conv(images, weights, (1, 1), "SAME")
    return jax.nn.relu(out + bias[None, :, None, None])


def apply_cnn(params, images):
    first, second, third, last = params
    hidden = images.reshape(-1, 1, 8, 8)
    hidden = convolve(hidden, *first)
    hidden = convolve(hidden, *second)
    hidden = jax.lax.reduce_window(hidden, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    hidden = convolve(hidden, *third)
    weights, bias = last
    return hidden.reshape(hidden.shape[0], -1) @ weights + bias


def train(init, apply, images, labels, epochs, rate):
    """Adam with decoupled weight decay; returns the trained parameters."""
    params = init(jax.random.PRNGKey(SEED))
    means = jax.tree.map(jnp.zeros_like, params)
    variances = means

    def loss(params, batch, targets):
        scores = jax.nn.log_softmax(apply(params, batch))
        return -jnp.mean(scores[jnp.arange(len(targets)), targets])

    @jax.jit
    def update(params, means, variances, step, batch, targets):
        grads = jax.grad(loss)(params, batch, targets)
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, grads)
        variances = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, variances, grads)

        def move(param, mean, variance):
            direction = (mean / (1 - 0.9**step)) / (jnp.sqrt(variance / (1 - 0.999**step)) + 1e-8)
            return param - rate * (direction + 1e-3 * param)

        return jax.tree.map(move, params, means, variances), means, variances

    shuffle = np.random.default_rng(SEED)
    step = 0
    for _ in range(epochs):
        order = shuffle.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            step += 1
            chosen = order[start : start + BATCH]
            params, means, variances = update(
                params, means, variances, step, images[chosen], labels[chosen]
            )
    return params


class Graph:
    """Collects nodes and initializers of a chain of layers; `last` names the latest tensor."""

    def __init__(self, input_shape):
        self.input_shape = input_shape
        self.nodes = []
        self.initializers = []
        self.last = "image"

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def add(self, op, *constants, name, **attributes):
        self.nodes.append(helper.make_node(op, [self.last, *constants], [name], name=name, **attributes))
        self.last = name

    def save(self, path):
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, self.input_shape)
        answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, CLASSES])
        graph = helper.make_graph(self.nodes, path.stem, [image], [answer], self.initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        model.producer_name = "assay"
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))


def export_mlp(params, path):
    graph = Graph([1, 64])
    for i, (weights, bias) in enumerate(params):
        names = graph.constant(f"dense{i}.weights", weights), graph.constant(f"dense{i}.bias", bias)
        graph.add("Gemm", *names, name=f"dense{i}")
        if i + 1 < len(params):
            graph.add("Relu", name=f"relu{i}")
    graph.add("Softmax", name="probabilities", axis=1)
    graph.save(path)


def export_cnn(params, path):
    graph = Graph([1, 1, 8, 8])
    for i, (weights, bias) in enumerate(params[:-1]):
        names = graph.constant(f"conv{i}.weights", weights), graph.constant(f"conv{i}.bias", bias)
        graph.add("Conv", *names, name=f"conv{i}", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        graph.add("Relu", name=f"relu{i}")
        if i == 1:
            graph.add("MaxPool", name="pool", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Flatten", name="flat", axis=1)
    weights, bias = params[-1]
    graph.add("MatMul", graph.constant("dense.weights", weights), name="dense.product")
    graph.add("Add", graph.constant("dense.bias", bias), name="dense")
    graph.add("Softmax", name="probabilities", axis=1)
    graph.save(path)


class Calibration(CalibrationDataReader):
    """Feeds training images to the quantizer, one at a time."""

    def __init__(self, images):
        self.images = iter(images.reshape(-1, 1, 1, 8, 8))

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"image": image}


def quantize_cnn(source, target, images):
    """Static quantization: u8 activations, i8 weights with a scale per output channel.

    Weights have 7 bits, so that onnxruntime gives the same answer on CPUs whose 8-bit dot product saturates.
    """
    quantize_static(
        source,
        target,
        Calibration(images),
        quant_format=QuantFormat.QOperator,
        op_types_to_quantize=["Conv", "Flatten", "MatMul", "MaxPool", "Relu"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )


def accuracy(apply, params, images, labels):
    return float(np.mean(np.argmax(apply(params, images), axis=1) == labels))


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    train_images, test_images, train_labels, test_labels = load_split()
    mlp = train(init_mlp, apply_mlp, train_images, train_labels, epochs=60, rate=3e-3)
    cnn = train(init_cnn, apply_cnn, train_images, train_labels, epochs=30, rate=2e-3)
    print("mlp accuracy", accuracy(apply_mlp, mlp, test_images, test_labels))
    print("cnn accuracy", accuracy(apply_cnn, cnn, test_images, test_labels))
    export_mlp(mlp, folder / "mlp.onnx")
    export_cnn(cnn, folder / "cnn.onnx")
    quantize_cnn(folder / "cnn.onnx", folder / "cnn-int8.onnx", train_images[:256])
    test_images.tofile(folder / "test_inputs.f32")
    test_labels.tofile(folder / "test_labels.u8")


if __name__ == "__main__":
    main()
