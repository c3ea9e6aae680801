"""Trains whole models on real data and writes them as ONNX, with inputs and onnxruntime's outputs.

Usage: pip install -r requirements.txt
       python make.py [FOLDER]                  all models, in a few minutes; the default is ~/.cache/assay/zoo
       python make.py --model cnn --model lstm  only these

Each model gets a folder of its own:

  model.onnx      takes one sample
  model.json      what the files are: see write_model
  input-N.npy     the samples, at least 1000 of them along the first axis
  output-N.npy    onnxruntime's answers, each sample run alone

All data ships inside of the packages: handwritten digits (scikit-learn), a survey on marriages and one on
visits to doctors (statsmodels), days of Italian power demand (sktime), and messages in ten languages
(Django). Every random choice follows from SEED.
"""

import argparse
import functools
import gettext
import importlib.util
import json
import logging
import tempfile
import time
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import torch
import xgboost
from onnx import numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloats
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

SEED = 7
OPSET = 17
ML_OPSET = 3
# The newest that onnxmltools writes.
TOOLS_OPSET = 15
DEFAULT_FOLDER = Path.home() / ".cache" / "assay" / "zoo"
TABLE_ROWS = 2000
LANGUAGES = ["cs", "de", "es", "fi", "fr", "hu", "it", "nl", "pl", "tr"]
TEXT_LENGTH = 64
MINIMUM_SAMPLES = 1000


# Data. Each function returns (train inputs, test inputs, train labels, test labels).


def digits():
    """Images of 8 x 8 pixels as 64 values in 0..16, and the digits that they show."""
    images, labels = load_digits(return_X_y=True)
    return split(images.astype(np.float32), labels.astype(np.int64), 360)


def marriages():
    """Eight answers about a marriage, and whether there was an affair."""
    from statsmodels.datasets import fair

    table = fair.load_pandas().data
    features = table.drop(columns="affairs").to_numpy(np.float32)
    return split(features, (table["affairs"] > 0).to_numpy(np.int64), TABLE_ROWS)


def visits():
    """Facts on a person's health and insurance, and the logarithm of the year's visits to doctors, plus one."""
    from statsmodels.datasets import randhie

    table = randhie.load_pandas().data
    features = table.drop(columns="mdvis").to_numpy(np.float32)
    visits = np.log1p(table["mdvis"].to_numpy(np.float32))
    return train_test_split(features, visits, test_size=TABLE_ROWS, random_state=SEED)


def power():
    """The power demand in the 24 hours of a day, and whether the day is in winter. The split is the data set's own."""
    folder = package_folder("sktime") / "datasets" / "data" / "ItalyPowerDemand"
    parts = [read_series(folder / f"ItalyPowerDemand_{part}.ts") for part in ("TRAIN", "TEST")]
    (train, train_labels), (test, test_labels) = parts
    return train, test, train_labels, test_labels


def read_series(path):
    text = path.read_text().lower()
    rows = [line.split(":") for line in text.split("@data")[1].split()]
    series = np.array([[float(value) for value in values.split(",")] for values, _ in rows], np.float32)
    return series[:, :, None], np.array([int(label) == 1 for _, label in rows], np.int64)


def languages():
    """Messages as their first bytes, and which language they are in."""
    texts, labels = [], []
    for label, language in enumerate(LANGUAGES):
        found = messages(language)
        texts += [encode(text) for text in found]
        labels += [label] * len(found)
    return split(np.array(texts), np.array(labels), 1200)


def messages(language):
    """Django's translations into a language, without the short ones."""
    folder = package_folder("django")
    found = set()
    for path in folder.glob(f"**/locale/{language}/LC_MESSAGES/django.mo"):
        with path.open("rb") as file:
            catalog = gettext.GNUTranslations(file)._catalog
        found |= {" ".join(text.split()) for original, text in catalog.items() if original}
    return sorted(text for text in found if len(text) >= 20)


def encode(text):
    codes = np.zeros(TEXT_LENGTH, np.int64)
    start = text.encode()[:TEXT_LENGTH]
    codes[: len(start)] = list(start)
    return codes


def package_folder(name):
    """Where a package is, without importing it."""
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


def split(inputs, labels, size):
    return train_test_split(inputs, labels, test_size=size, random_state=SEED, stratify=labels)


def all_digits():
    """All images, the ones of the training first: the test split alone is too small to compare on."""
    train, test, _, _ = digits()
    return np.concatenate([train, test])


# Models of tables.


def fitted(estimator, data):
    """The estimator, fitted, and how good it is on the test split."""
    train, test, train_labels, test_labels = data
    estimator.fit(train, train_labels)
    return estimator, estimator.score(test, test_labels)


def export_sklearn(estimator, width):
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    types = [("features", FloatTensorType([1, width]))]
    return to_onnx(estimator, initial_types=types, options=options, target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET})


def make_logistic():
    estimator, score = fitted(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), digits())
    return export_sklearn(estimator, 64), all_digits(), score


def make_forest():
    estimator, score = fitted(RandomForestClassifier(100, random_state=SEED), digits())
    return export_sklearn(estimator, 64), all_digits(), score


def make_boosting():
    data = marriages()
    estimator, score = fitted(make_pipeline(StandardScaler(), GradientBoostingClassifier(random_state=SEED)), data)
    return export_sklearn(estimator, data[0].shape[1]), data[1], score


def make_boosting_regressor():
    data = visits()
    estimator, score = fitted(make_pipeline(StandardScaler(), GradientBoostingRegressor(random_state=SEED)), data)
    return export_sklearn(estimator, data[0].shape[1]), data[1], score


def make_ridge():
    data = visits()
    estimator, score = fitted(make_pipeline(StandardScaler(), Ridge()), data)
    return export_sklearn(estimator, data[0].shape[1]), data[1], score


def make_xgboost():
    settings = {"n_estimators": 60, "max_depth": 5, "n_jobs": 1, "random_state": SEED}
    estimator, score = fitted(xgboost.XGBClassifier(**settings), digits())
    types = [("features", ToolsFloats([1, 64]))]
    model = onnxmltools.convert_xgboost(estimator, initial_types=types, target_opset=TOOLS_OPSET)
    return model, all_digits(), score


def make_lightgbm():
    data = marriages()
    settings = {"n_jobs": 1, "random_state": SEED, "deterministic": True, "verbose": -1}
    estimator, score = fitted(lightgbm.LGBMClassifier(**settings), data)
    types = [("features", ToolsFloats([1, data[0].shape[1]]))]
    model = onnxmltools.convert_lightgbm(estimator, initial_types=types, zipmap=False, target_opset=TOOLS_OPSET)
    return model, data[1], score


# Networks.


class Residual(nn.Module):
    """A block that normalizes first, so that one of its normalizations cannot be merged into a convolution."""

    def __init__(self, channels):
        super().__init__()
        self.steps = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, images):
        return images + self.steps(images)


class Cnn(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            Residual(16),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            Residual(32),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, 10),
        )


class Product(nn.Module):
    """A dense layer whose product and sum are nodes of their own, which is what the quantizer of operators takes."""

    def __init__(self, inputs, outputs):
        super().__init__()
        bound = inputs**-0.5
        self.weights = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values):
        return torch.matmul(values, self.weights) + self.bias


class PlainCnn(nn.Sequential):
    """Only layers that ONNX has quantized operators for."""

    def __init__(self):
        layers = []
        for inputs, outputs in [(1, 16), (16, 32), (32, 32)]:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Flatten(), Product(32 * 4 * 4, 10))


class Transformer(nn.Module):
    def __init__(self, width=64, heads=4, layers=2):
        super().__init__()
        self.bytes = nn.Embedding(256, width)
        self.positions = nn.Parameter(torch.randn(1, TEXT_LENGTH, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.1, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.scores = nn.Linear(width, len(LANGUAGES))

    def forward(self, text):
        return self.scores(self.encoder(self.bytes(text) + self.positions).mean(dim=1))


class Lstm(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.lstm = nn.LSTM(1, width, num_layers=2, batch_first=True, bidirectional=True)
        self.scores = nn.Linear(2 * width, 2)

    def forward(self, series):
        return self.scores(self.lstm(series)[0].mean(dim=1))


def trained(build, data, epochs, rate, batch=32):
    """A network of `build`, trained, and how good it is on the test split."""
    torch.manual_seed(SEED)
    network = build()
    train, test, train_labels, test_labels = map(torch.as_tensor, data)
    steps = epochs * -(-len(train) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(train)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(train[chosen]), train_labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        score = (network(test).argmax(dim=1) == test_labels).float().mean().item()
    return network, score


def export_torch(network, sample, name, batch=False):
    """The network as ONNX, by the exporter that traces; with a dimension named `batch` where that is asked for."""
    file = BytesIO()
    axes = {name: {0: "batch"}, "scores": {0: "batch"}} if batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.as_tensor(sample),),
            file,
            input_names=[name],
            output_names=["scores"],
            opset_version=OPSET,
            dynamic_axes=axes,
            dynamo=False,
        )
    return onnx.load_model_from_string(file.getvalue())


def enlarged(images):
    """Images of 8 x 8 pixels in 0..16 as [n, 1, 32, 32] in 0..1."""
    images = torch.as_tensor(images).reshape(-1, 1, 8, 8) / 16
    return nn.functional.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False).numpy()


def image_data():
    train, test, train_labels, test_labels = digits()
    return enlarged(train), enlarged(test), train_labels, test_labels


def make_cnn():
    network, score = trained(Cnn, image_data(), epochs=12, rate=5e-3)
    images = enlarged(all_digits())
    return export_torch(network, images[:1], "image", batch=True), images, score


def make_transformer():
    data = languages()
    network, score = trained(Transformer, data, epochs=16, rate=2e-3)
    return export_torch(network, data[1][:1], "text"), data[1], score


def make_lstm():
    data = power()
    network, score = trained(Lstm, data, epochs=60, rate=1e-2, batch=16)
    return export_torch(network, data[1][:1], "series"), data[1], score


class Calibration(CalibrationDataReader):
    """Feeds images to the quantizer, one at a time."""

    def __init__(self, images):
        self.images = iter(images)

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"image": image[None]}


def quantized(model, images, folder, **settings):
    """Static quantization: u8 activations, i8 weights with a scale per channel.

    Weights have 7 bits, so that onnxruntime gives the same answer on CPUs whose 8-bit dot product saturates.
    """
    source, target = folder / "float.onnx", folder / "quantized.onnx"
    onnx.save(model, source)
    quantize_static(
        source,
        target,
        Calibration(images[:256]),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        **settings,
    )
    return onnx.load(target)


@functools.cache
def plain_cnn():
    network, score = trained(PlainCnn, image_data(), epochs=8, rate=5e-3)
    images = enlarged(all_digits())
    return export_torch(network, images[:1], "image"), images, score


def make_cnn_qdq():
    return make_quantized(quant_format=QuantFormat.QDQ)


def make_cnn_qoperator():
    # Of other operators it would make ones of onnxruntime's own.
    kinds = ["Conv", "Flatten", "MatMul", "MaxPool", "Relu"]
    return make_quantized(quant_format=QuantFormat.QOperator, op_types_to_quantize=kinds)


def make_quantized(**settings):
    model, images, score = plain_cnn()
    with tempfile.TemporaryDirectory() as folder:
        return quantized(model, images, Path(folder), **settings), images, score


# Name -> how to make it, the output whose largest value tells the class, and the rule to compare by (see compare.py).
MODELS = {
    "sklearn-logistic": (make_logistic, "probabilities", "close"),
    "sklearn-forest": (make_forest, "probabilities", "close"),
    "sklearn-boosting": (make_boosting, "probabilities", "close"),
    "sklearn-boosting-regressor": (make_boosting_regressor, None, "close"),
    "sklearn-ridge": (make_ridge, None, "close"),
    "xgboost": (make_xgboost, "probabilities", "close"),
    "lightgbm": (make_lightgbm, "probabilities", "close"),
    "cnn": (make_cnn, "scores", "close"),
    "transformer": (make_transformer, "scores", "close"),
    "lstm": (make_lstm, "scores", "close"),
    "cnn-qdq": (make_cnn_qdq, "scores", "step"),
    "cnn-qoperator": (make_cnn_qoperator, "scores", "bits"),
}


def answers(model, samples):
    """onnxruntime's outputs by name, each sample run alone on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (spec,) = session.get_inputs()
    rows = [session.run(None, {spec.name: sample}) for sample in samples]
    names = [output.name for output in session.get_outputs()]
    return {name: np.stack(values) for name, values in zip(names, zip(*rows))}


def write_model(folder, model, samples, scores, rule, accuracy):
    """Writes the model's files; model.json says what each of them is, by the name of the input or output."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = samples[:, None]
    # Some converters name it at random.
    model.graph.name = folder.name
    content = model.SerializeToString(deterministic=True)
    (folder / "model.onnx").write_bytes(content)
    outputs = answers(content, samples)
    (name,) = (entry.name for entry in model.graph.input)
    about = {
        "inputs": {name: "input-0.npy"},
        "outputs": {name: f"output-{i}.npy" for i, name in enumerate(outputs)},
        "dims": {"batch": 1} if has_batch(model) else {},
        "scores": scores,
        "rule": rule,
        "step": step(model, scores) if rule == "step" else None,
        "accuracy": round(float(accuracy), 4),
    }
    np.save(folder / "input-0.npy", samples)
    for name, file in about["outputs"].items():
        np.save(folder / file, outputs[name])
    (folder / "model.json").write_text(json.dumps(about, indent=2) + "\n")
    return len(content)


def step(model, output):
    """How far apart the values of a quantized output are."""
    scales = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    (node,) = (node for node in model.graph.node if output in node.output)
    return scales[node.input[1]].item()


def has_batch(model):
    return any(dim.dim_param == "batch" for entry in model.graph.input for dim in entry.type.tensor_type.shape.dim)


def describe(model):
    """The operators and opsets of a model."""
    kinds = Counter(f"{node.domain}:{node.op_type}".removeprefix(":") for node in all_nodes(model.graph))
    opsets = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) + f" (opset {opsets})"


def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)


def make(name, folder):
    build, scores, rule = MODELS[name]
    start = time.monotonic()
    model, samples, accuracy = build()
    assert len(samples) >= MINIMUM_SAMPLES
    size = write_model(folder / name, model, samples, scores, rule, accuracy)
    print(f"{name}: {size} bytes, {len(samples)} samples, score {accuracy:.4f}, {time.monotonic() - start:.0f} s")
    print(f"  {describe(model)}", flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER, help="default: ~/.cache/assay/zoo")
    parser.add_argument("--model", metavar="NAME", action="append", choices=list(MODELS), help="only this one")
    return parser.parse_args()


def main():
    options = parse_arguments()
    # The quantizer's advice on preparing models.
    logging.getLogger().setLevel(logging.ERROR)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in options.model or MODELS:
        make(name, options.folder)


if __name__ == "__main__":
    main()
