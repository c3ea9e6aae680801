"""Packs the models that make.py wrote, runs them on all of their samples and compares with onnxruntime's outputs.

Usage: ASSAY=path/to/assay python compare.py [FOLDER]
       python compare.py --model cnn --executor jit --samples 100

It needs numpy only. What must hold follows from the rule in the model's model.json:

  close  Classes are the same for every sample on which onnxruntime's two best scores are more than MARGIN
         apart. Floats differ by no more than RELATIVE of the value plus ABSOLUTE.
  bits   Every bit is the same: the model computes in integers.
  step   The model dequantizes before each operator and quantizes after it. onnxruntime merges all that into
         operators on integers, and its own answers, with and without the merging, differ in a few samples
         where a value lies between two steps. So up to STEP_SHARE of the samples may differ, by a step of the
         output. --strict wants every bit.

The exit code is 1 where something of this does not hold.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent))
import assay_cli  # noqa: E402

DEFAULT_FOLDER = Path.home() / ".cache" / "assay" / "zoo"
MARGIN = 1e-4
RELATIVE = 1e-4
ABSOLUTE = 1e-5
STEP_SHARE = 0.01

COLUMNS = [
    "model",
    "rule",
    "samples",
    "classes equal",
    "all bits equal",
    "largest difference",
    "largest relative",
    "steps",
    "fuel",
    "verdict",
]


def load(folder, samples):
    """What make.py says of the model, its inputs and the outputs to expect, by name."""
    about = json.loads((folder / "model.json").read_text())
    inputs, outputs = (
        {name: np.load(folder / file)[:samples] for name, file in about[kind].items()} for kind in ("inputs", "outputs")
    )
    return about, inputs, outputs


def run(folder, about, inputs, options):
    """The outputs by name, all samples along the first axis, and the steps and fuel of every run."""
    with tempfile.TemporaryDirectory(prefix="assay-") as scratch:
        scratch = Path(scratch)
        files = {}
        for i, (name, values) in enumerate(inputs.items()):
            files[name] = scratch / f"input-{i}.npy"
            np.save(files[name], values)
        package = scratch / "model.assay"
        assay_cli.pack(folder / "model.onnx", package, dims=about["dims"])
        result = assay_cli.run(package, files, batch=True, executor=options.executor)
    runs = [assay_cli.outputs(entry) for entry in result["runs"]]
    outputs = {name: np.stack([entry[name] for entry in runs]) for name in about["outputs"]}
    return outputs, costs(result, "steps"), costs(result, "fuel")


def costs(result, name):
    """What one run takes, or the range of it where the runs differ."""
    values = [entry[name] for entry in [*result["runs"], result] if entry.get(name) is not None]
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def compare(folder, options):
    """One row of the table, and what is wrong."""
    about, inputs, expected = load(folder, options.samples)
    if options.strict and about["rule"] == "step":
        about["rule"] = "bits"
    count = len(next(iter(inputs.values())))
    row = [folder.name, about["rule"], str(count)]
    try:
        got, steps, fuel = run(folder, about, inputs, options)
        check_forms(got, expected)
    except (assay_cli.Refused, assay_cli.Crashed, KeyError, ValueError) as error:
        return [*row, *["-"] * 6, "fails"], [f"{type(error).__name__}: {error}"]
    absolute, relative = largest_differences(got, expected)
    equal_classes, class_problems = compare_classes(about, got, expected)
    equal_bits = sum(same_bits(got, expected))
    problems = class_problems + compare_values(about, got, expected)
    row += [equal_classes, f"{equal_bits} of {count}", f"{absolute:.1e}", f"{relative:.1e}", steps, fuel]
    return [*row, "wrong" if problems else "holds"], problems


def check_forms(got, expected):
    for name, values in expected.items():
        if (got[name].dtype, got[name].shape) != (values.dtype, values.shape):
            raise ValueError(f"{name} is {form(got[name])} instead of {form(values)}")


def form(values):
    return f"{values.dtype}{list(values.shape)}"


def flat(values):
    return values.reshape(len(values), -1)


def float_names(outputs):
    return [name for name, values in outputs.items() if values.dtype.kind == "f"]


def largest_differences(got, expected):
    """Of all floats, absolute and relative. Values near zero, where the absolute bound counts, are taken as larger."""
    absolute = relative = 0.0
    for name in float_names(expected):
        gaps = np.abs(got[name].astype(np.float64) - expected[name])
        absolute = max(absolute, gaps.max())
        relative = max(relative, (gaps / np.maximum(np.abs(expected[name]), ABSOLUTE / RELATIVE)).max())
    return absolute, relative


def same_bits(got, expected):
    """For every sample, whether all outputs are the same in every bit."""
    rows = [
        (flat(got[name]).view(np.uint8) == flat(values).view(np.uint8)).all(axis=1)
        for name, values in expected.items()
    ]
    return np.all(rows, axis=0)


def compare_classes(about, got, expected):
    """Returns how many samples have the same class, and what is wrong."""
    if about["scores"] is None:
        return "-", []
    equal = (classes(about, got) == classes(about, expected)).all(axis=1)
    best = np.sort(flat(expected[about["scores"]]), axis=1)
    clear = best[:, -1] - best[:, -2] > max(MARGIN, 2 * (about["step"] or 0))
    wrong = np.flatnonzero(clear & ~equal)
    return f"{equal.sum()} of {len(equal)}", [f"another class for sample {i}" for i in wrong]


def classes(about, outputs):
    """The index of the best score, and whatever the model itself says is the class."""
    labels = [flat(values) for values in outputs.values() if values.dtype.kind == "i"]
    return np.concatenate([flat(outputs[about["scores"]]).argmax(axis=1)[:, None], *labels], axis=1)


def compare_values(about, got, expected):
    """What is wrong with the values, by the model's rule."""
    differing = np.flatnonzero(~same_bits(got, expected))
    if about["rule"] == "bits":
        return [f"other bits in {len(differing)} samples, the first is {differing[0]}"] if len(differing) else []
    bounds = {"rtol": RELATIVE, "atol": ABSOLUTE}
    problems = []
    if about["rule"] == "step":
        bounds = {"rtol": 0, "atol": 1.001 * about["step"]}
        if len(differing) > STEP_SHARE * len(next(iter(got.values()))):
            problems.append(f"{len(differing)} samples differ")
    for name in float_names(expected):
        right = np.isclose(got[name], expected[name], equal_nan=True, **bounds)
        wrong = np.flatnonzero(~flat(right).all(axis=1))
        if len(wrong):
            problems.append(f"{name} is wrong in {len(wrong)} samples, the first is {wrong[0]}")
    return problems


def table(rows):
    lines = [COLUMNS, ["---", "---", *["---:"] * (len(COLUMNS) - 3), "---"], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER, help="default: ~/.cache/assay/zoo")
    parser.add_argument("--model", metavar="NAME", action="append", help="only this one")
    parser.add_argument("--executor", default="wasmi", choices=["wasmi", "jit", "native"], help="default: wasmi")
    parser.add_argument("--samples", metavar="N", type=int, help="only the first ones")
    parser.add_argument("--strict", action="store_true", help="take the rule `step` for `bits`")
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the table there too")
    return parser.parse_args()


def main():
    options = parse_arguments()
    names = options.model or sorted(path.parent.name for path in options.folder.glob("*/model.json"))
    if not names:
        sys.exit(f"error: {options.folder} has no models, make.py writes them")
    rows, failed = [], False
    for name in names:
        row, problems = compare(options.folder / name, options)
        rows.append(row)
        failed |= bool(problems)
        print(f"{name}: {row[-1]}", *problems[:5], sep="\n  ", file=sys.stderr)
    print(table(rows), end="")
    if options.table:
        options.table.write_text(table(rows))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
