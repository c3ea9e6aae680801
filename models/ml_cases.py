"""Writes small models of ai.onnx.ml operators, an input and onnxruntime's output of each, for the tests of `assay`.

Usage: python models/ml_cases.py        (needs numpy, onnx and onnxruntime; see models/zoo/requirements.txt)

Each case becomes NAME.onnx, NAME.in and NAME.out in cli/tests/models. The random numbers are always the same.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

FOLDER = Path(__file__).resolve().parent.parent / "cli" / "tests" / "models"
ML = "ai.onnx.ml"
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}

random = np.random.default_rng(1)


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def numbers(values):
    return [float(value) for value in np.asarray(values, np.float32).ravel()]


def grown(tree, depth, features, modes, missing, columns, leaves):
    """Appends a tree's nodes to the columns, and its leaves' numbers to `leaves`. Returns the root's number."""
    own = sum(other == tree for other in columns["treeids"])
    place = len(columns["treeids"])
    leaf = depth == 0 or (own > 0 and random.random() < 0.1)
    row = {
        "treeids": tree,
        "nodeids": own,
        "modes": "LEAF" if leaf else str(random.choice(modes)),
        "featureids": 0 if leaf else int(random.integers(features)),
        "values": 0.0 if leaf else float(np.float32(random.choice([0.0, 1.0, random.uniform(-1, 1)]))),
        "missing_value_tracks_true": int(missing and not leaf and random.integers(2)),
        "truenodeids": 0,
        "falsenodeids": 0,
    }
    for name, value in row.items():
        columns[name].append(value)
    if leaf:
        leaves.append((tree, own))
        return own
    for side in ["truenodeids", "falsenodeids"]:
        columns[side][place] = grown(tree, depth - 1, features, modes, missing, columns, leaves)
    return own


def ensemble(kind, targets, trees, depth, features, modes=("BRANCH_LEQ",), missing=False, everywhere=False, positive=False):
    """Attributes of trees. `everywhere`: every leaf has a weight for each target, else each tree has its own."""
    names = ["treeids", "nodeids", "modes", "featureids", "values", "missing_value_tracks_true", "truenodeids", "falsenodeids"]
    columns = {name: [] for name in names}
    leaves = []
    for tree in range(trees):
        grown(tree, depth, features, modes, missing, columns, leaves)
    weights = []
    for tree, node in leaves:
        for target in range(targets) if everywhere else [tree % targets]:
            value = random.uniform(0 if positive else -1, 1)
            weights.append((tree, node, target, float(np.float32(value))))
    attributes = {f"nodes_{name}": values for name, values in columns.items()}
    for name, values in zip(["treeids", "nodeids", "ids", "weights"], zip(*weights)):
        attributes[f"{kind}_{name}"] = list(values)
    return attributes


def node(operator, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(operator, inputs, outputs, domain=ML, **attributes)


def both(name, operator, x, **attributes):
    """A classifier as two cases, one for each output."""
    made = node(operator, outputs=["label", "scores"], **attributes)
    yield f"{name}-label", [made], "label", x, "int64"
    yield f"{name}-scores", [made], "scores", x, "float32"


def with_gaps(x):
    x = x.copy()
    x[random.random(x.shape) < 0.2] = np.nan
    return x


def trees():
    x = np.where(random.random((7, 4)) < 0.4, random.integers(-1, 2, (7, 4)), floats(7, 4)).astype(np.float32)
    several = ensemble("class", 3, 12, 5, 4, MODES, missing=True)
    yield from both("ml-trees-three", "TreeEnsembleClassifier", with_gaps(x), classlabels_int64s=[4, -2, 9],
                    base_values=numbers(floats(3)), post_transform="SOFTMAX", **several)
    forest = ensemble("class", 3, 5, 6, 4, everywhere=True, positive=True)
    yield from both("ml-trees-forest", "TreeEnsembleClassifier", x, classlabels_int64s=[0, 1, 2], **forest)
    for transform in ["NONE", "LOGISTIC"]:
        for positive in [False, True]:
            one = ensemble("class", 1, 6, 3, 4, positive=positive)
            name = f"ml-trees-two-{transform.lower()}{'-positive' if positive else ''}"
            yield from both(name, "TreeEnsembleClassifier", x, classlabels_int64s=[5, 3], post_transform=transform, **one)
    pair = ensemble("class", 2, 4, 3, 4, everywhere=True)
    yield from both("ml-trees-two-sums", "TreeEnsembleClassifier", x, classlabels_int64s=[0, 1], post_transform="SOFTMAX",
                    **pair)
    for count in [1, 3]:
        many = ensemble("target", count, 9, 4, 4)
        yield (f"ml-trees-regressor-{count}", [node("TreeEnsembleRegressor", n_targets=count,
               base_values=numbers(floats(count)), aggregate_function="AVERAGE", **many)], "y", x, "float32")
    # Far more nodes than are read at once.
    large = ensemble("target", 1, 2, 11, 4)
    yield "ml-trees-large", [node("TreeEnsembleRegressor", n_targets=1, **large)], "y", x[:1], "float32"


def linear():
    x = floats(5, 4)
    for targets, labels in [(1, [7, 3]), (3, [0, 1, 2]), (3, [5, 1, 8])]:
        for transform in ["NONE", "LOGISTIC", "SOFTMAX"]:
            name = f"ml-linear-{targets}-{labels[0]}-{transform.lower()}"
            yield from both(name, "LinearClassifier", x, coefficients=numbers(floats(targets, 4)),
                            intercepts=numbers(floats(targets)), classlabels_ints=labels, post_transform=transform)
    yield ("ml-linear-regressor", [node("LinearRegressor", coefficients=numbers(floats(2, 4)), intercepts=numbers(floats(2)),
           targets=2)], "y", x, "float32")


def around():
    x = floats(5, 4)
    x[2] = 0
    yield ("ml-scaler", [node("Scaler", offset=numbers(floats(4)), scale=numbers(floats(4)))], "y", x, "float32")
    yield "ml-scaler-one", [node("Scaler", offset=[0.5], scale=[-2.0])], "y", x, "float32"
    for norm in ["MAX", "L1", "L2"]:
        yield f"ml-normalizer-{norm.lower()}", [node("Normalizer", norm=norm)], "y", np.abs(x), "float32"
    yield "ml-binarizer", [node("Binarizer", threshold=0.1)], "y", x, "float32"
    yield ("ml-imputer", [node("Imputer", imputed_value_floats=numbers(floats(4)), replaced_value_float=float("nan"))], "y",
           with_gaps(x), "float32")
    keys = [1.0, 2.0, 3.5]
    codes = np.array([[1, 2, 3.5, 4]], np.float32)
    yield ("ml-encoder-floats", [node("LabelEncoder", keys_floats=keys, values_floats=[0.1, 0.2, 0.3], default_float=-7.0)], "y",
           codes, "float32")
    yield ("ml-encoder-integers", [node("LabelEncoder", keys_floats=keys, values_int64s=[10, 20, 30])], "y", codes, "int64")


def main():
    for name, nodes, output, x, kind in [*trees(), *linear(), *around()]:
        shape = list(x.shape)
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TYPES[kind], None)],
        )
        sets = [helper.make_opsetid(ML, 2 if "encoder" in name else 1)]
        model = helper.make_model(graph, opset_imports=sets, ir_version=8)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (answer,) = session.run(None, {"x": x})
        assert str(answer.dtype) == kind, (name, answer.dtype)
        onnx.save(model, FOLDER / f"{name}.onnx")
        (FOLDER / f"{name}.in").write_bytes(x.tobytes())
        (FOLDER / f"{name}.out").write_bytes(answer.tobytes())
        print(f"{name}: {shape} -> {list(answer.shape)}")


if __name__ == "__main__":
    main()
