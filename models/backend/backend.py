"""Runs the ONNX project's own node tests through `assay pack` and `assay run`.

Usage: pip install -r requirements.txt
       ASSAY=path/to/assay python backend.py --table table.md --json results.json
       python backend.py --operator Conv --operator Gemm
       python backend.py --case 'test_reduce_*_empty_set'
       python backend.py --list       counts the cases and runs none of them

The cases are the ones of the `onnx` package: a model of one node, its inputs and its outputs. Inputs that
shapes depend on are fixed when packing (see FIXED), all others are given to the run. A case is

  pass         the outputs have the right names, types, shapes and values
  fail         they do not, or packing or running crashed
  unsupported  `assay pack` refused the model
  excluded     the case is about something that Assay leaves out by design (see exclusion)

The exit code is 1 where too few of the cases that are not excluded pass.
"""

import argparse
import fnmatch
import json
import os
import sys
import tempfile
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import defs, helper, numpy_helper

sys.path.append(str(Path(__file__).resolve().parent.parent))
import assay_cli  # noqa: E402

TYPES = {np.float32, np.int8, np.uint8, np.int32, np.int64, np.bool_}
OLDEST_OPSET = 13
# Operators whose version 13 differs from older ones only in the types that it takes.
SAME_IN_OLDER = {"If"}

OPERATORS = """
    Add Sub Mul Div Mod Pow Sqrt Reciprocal Exp Log Erf Sin Cos Abs Neg Sign Floor Ceil Round Min Max Clip
    Identity If Size Relu Elu Selu Mish Softsign LeakyRelu PRelu Sigmoid HardSigmoid HardSwish Tanh Gelu
    Softplus Softmax LogSoftmax MatMul Gemm Conv ConvTranspose MaxPool AveragePool GlobalAveragePool
    GlobalMaxPool BatchNormalization LayerNormalization InstanceNormalization GroupNormalization LRN Reshape
    Flatten Squeeze Unsqueeze Transpose Concat Split Slice Gather GatherElements GatherND ScatterND Pad Tile
    Expand Resize DepthToSpace SpaceToDepth ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL2
    ReduceSumSquare ReduceLogSumExp ArgMax ArgMin TopK CumSum Trilu EyeLike Where Equal Greater Less And Or
    Xor Not Cast Shape Constant ConstantOfShape Range OneHot Einsum LSTM GRU RNN QuantizeLinear
    DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul MatMulInteger ConvInteger
    TreeEnsembleClassifier TreeEnsembleRegressor LinearClassifier LinearRegressor Scaler Normalizer
    LabelEncoder
""".split()

RELATIVES = """
    GreaterOrEqual LessOrEqual ReduceL1 ReduceLogSum Sum Mean Celu ThresholdedRelu Shrink Hardmax
    ScatterElements IsNaN IsInf BitShift Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh
    MeanVarianceNormalization LpNormalization RMSNormalization Swish Dropout TreeEnsemble
""".split()

# Operator -> positions of the inputs that are constants of the package, because shapes depend on them.
FIXED = {
    "LSTM": [4],
    "GRU": [4],
    "RNN": [4],
    "ConvInteger": [2, 3],
    "QLinearConv": [1, 2, 3, 4, 5, 6, 7, 8],
    "QLinearMatMul": [1, 2, 3, 4, 5, 6, 7],
    "ConstantOfShape": [0],
    "CumSum": [1],
    "Dropout": [1, 2],
    "Expand": [1],
    "If": [0],
    "OneHot": [1],
    "Pad": [1, 3],
    "Range": [0, 1, 2],
    "Reshape": [1],
    "Resize": [1, 2, 3],
    "Slice": [1, 2, 3, 4],
    "Split": [1],
    "Squeeze": [1],
    "Tile": [1],
    "TopK": [1],
    "Trilu": [1],
    "Unsqueeze": [1],
    **{name: [1] for name in OPERATORS + RELATIVES if name.startswith("Reduce")},
}

# Operators whose cases of type double mean the same in float32, for --narrow.
NARROWED = {"CumSum", "Einsum", "Max", "Min", "Mod", "ReduceLogSumExp"}

STATES = ["pass", "fail", "unsupported", "excluded"]


@dataclass
class Case:
    name: str
    operator: str
    model: onnx.ModelProto
    inputs: dict
    outputs: dict
    fixed: set
    rtol: float
    atol: float


@dataclass
class Result:
    case: str
    operator: str
    state: str
    reason: str


def load_cases(expanded, narrow=False):
    """The cases of the operators above.

    `expanded` adds those made of the operators' function bodies; `narrow` turns double into float32 where it can.
    """
    from onnx.backend.test import loader

    # The package makes its cases while it loads, some from random numbers.
    np.random.seed(0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        tests = loader.load_model_tests(kind="node")
    nodes = {test.name: test.model.graph.node[0] for test in tests if "_expanded" not in test.name}
    wanted = [test for test in tests if expanded or test.name in nodes]
    cases = [make_case(test, nodes[test.name.split("_expanded")[0]]) for test in wanted]
    cases = [case for case in cases if case.operator in OPERATORS + RELATIVES]
    return [narrowed(case) if narrow and case.operator in NARROWED else case for case in cases]


def make_case(test, node):
    graph = test.model.graph
    ((inputs, outputs),) = test.data_sets
    fixed = {node.input[i] for i in FIXED.get(node.op_type, []) if i < len(node.input)}
    return Case(
        name=test.name,
        operator=node.op_type,
        model=test.model,
        inputs={info.name: array(value) for info, value in zip(graph.input, inputs, strict=True)},
        outputs={info.name: array(value) for info, value in zip(graph.output, outputs, strict=True)},
        fixed=fixed,
        rtol=test.rtol,
        atol=test.atol,
    )


def narrowed(case):
    """The case with float32 in place of double."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for info in [*model.graph.input, *model.graph.output]:
        kind = info.type.tensor_type
        if kind.elem_type == onnx.TensorProto.DOUBLE:
            kind.elem_type = onnx.TensorProto.FLOAT
    return replace(case, model=model, inputs=as_floats(case.inputs), outputs=as_floats(case.outputs))


def as_floats(tensors):
    return {
        name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in tensors.items()
    }


def array(value):
    """A tensor as an array; a sequence or a missing optional as it is."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, (np.ndarray, np.generic)) else value


def exclusion(case):
    """Why the case is about something that is left out by design, or None."""
    infos = [*case.model.graph.input, *case.model.graph.output]
    if any(not info.type.HasField("tensor_type") for info in infos):
        return "a sequence or an optional"
    codes = {info.type.tensor_type.elem_type for info in infos}
    others = sorted(onnx.TensorProto.DataType.Name(code).lower() for code in codes if not is_supported(code))
    if others:
        return "type " + ", ".join(others)
    if any(is_older(node, opset(case.model)) for node in case.model.graph.node):
        return f"semantics older than opset {OLDEST_OPSET}"
    return "training mode" if is_training(case) else None


def is_supported(code):
    return helper.tensor_dtype_to_np_dtype(code).type in TYPES


def opset(model):
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), OLDEST_OPSET)


def is_older(node, version):
    if node.domain not in ("", "ai.onnx") or version >= OLDEST_OPSET or node.op_type in SAME_IN_OLDER:
        return False
    old, new = (defs.get_schema(node.op_type, number) for number in (version, OLDEST_OPSET))
    return old.since_version != new.since_version


def is_training(case):
    (node, *others) = case.model.graph.node
    if others:
        return False
    flags = [attribute.i for attribute in node.attribute if attribute.name == "training_mode"]
    if node.op_type == "Dropout" and len(node.input) > 2:
        flags.append(case.inputs[node.input[2]].item())
    return any(flags)


def raised(model):
    """The model with the oldest opset that counts, where its own is older and means the same."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for entry in copy.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = max(entry.version, OLDEST_OPSET)
    return copy


def judge(case, options):
    reason = exclusion(case)
    if reason:
        return Result(case.name, case.operator, "excluded", reason)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        state, reason = run_case(case, Path(folder), options)
    return Result(case.name, case.operator, state, reason)


def run_case(case, folder, options):
    """Returns the case's state and the reason for it."""
    onnx.save(raised(case.model), folder / "model.onnx")
    files = {}
    for i, (name, value) in enumerate(case.inputs.items()):
        files[name] = folder / f"input-{i}.npy"
        np.save(files[name], value)
    first = next(iter(files), None)
    attempts = [case.fixed]
    if options.retry:
        attempts.append({name for name in files if name != first} | case.fixed)
    try:
        return attempt_all(case, folder, files, attempts, options)
    except (assay_cli.Refused, assay_cli.Crashed) as error:
        return "fail", f"run: {error}"
    except (ValueError, KeyError, TypeError) as error:
        return "fail", f"the output could not be read: {error!r}"


def attempt_all(case, folder, files, attempts, options):
    refusals = []
    for number, fixed in enumerate(attempts):
        constants = {name: file for name, file in files.items() if name in fixed}
        try:
            assay_cli.pack(folder / "model.onnx", folder / "model.assay", constants, timeout=options.timeout)
        except assay_cli.Refused as refusal:
            refusals.append(str(refusal))
            continue
        except assay_cli.Crashed as crash:
            return "fail", str(crash)
        inputs = {name: file for name, file in files.items() if name not in fixed}
        result = assay_cli.run(folder / "model.assay", inputs, executor=options.executor, timeout=options.timeout)
        wrong = compare(assay_cli.outputs(result), case)
        note = "" if number == 0 else " (all inputs but the first are constants)"
        return ("fail", wrong + note) if wrong else ("pass", note.strip())
    return "unsupported", refusals[0]


def compare(got, case):
    """What is wrong with the outputs, or an empty string. The bounds are those of ONNX's own test runner."""
    if set(got) != set(case.outputs):
        return f"outputs {', '.join(sorted(got))} instead of {', '.join(sorted(case.outputs))}"
    for name, expected in case.outputs.items():
        wrong = difference(got[name], np.asarray(expected), case)
        if wrong:
            return f"output {name}: {wrong}"
    return ""


def difference(got, expected, case):
    if got.dtype != expected.dtype:
        return f"type {got.dtype} instead of {expected.dtype}"
    if got.shape != expected.shape:
        return f"shape {list(got.shape)} instead of {list(expected.shape)}"
    if expected.dtype.kind == "f":
        equal = np.isclose(got, expected, rtol=case.rtol, atol=case.atol, equal_nan=True)
    else:
        equal = got == expected
    if equal.all():
        return ""
    with np.errstate(invalid="ignore"):
        gaps = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    finite = gaps[np.isfinite(gaps)]
    largest = f"{finite.max():.3g}" if finite.size else "none that is finite"
    return f"{(~equal).sum()} of {equal.size} values differ, the largest difference is {largest}"


def judge_all(cases, options):
    """All results, in the order of the cases. The threads only wait for the binary's processes."""
    results = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(judge, case, options) for case in cases]
        for future in as_completed(futures):
            result = future.result()
            results[result.case] = result
            report_progress(result, len(results), len(cases))
    return [results[case.name] for case in cases]


def report_progress(result, done, total):
    if result.state in ("fail", "unsupported"):
        print(f"{result.state}: {result.case}: {one_line(result.reason)}", file=sys.stderr)
    if done % 50 == 0 or done == total:
        print(f"{done} of {total} cases", file=sys.stderr)


def one_line(text, limit=300):
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def share(results):
    """The share of passed cases among those that are not excluded."""
    counted = [result for result in results if result.state != "excluded"]
    passed = [result for result in counted if result.state == "pass"]
    return len(passed) / len(counted) if counted else 1.0


def table(results):
    """The results as markdown."""
    operators = sorted({result.operator for result in results}, key=str.lower)
    lines = ["| operator | cases | " + " | ".join(STATES) + " |", "| --- |" + " ---: |" * (len(STATES) + 1)]
    for operator in operators:
        lines.append(row(operator, [result for result in results if result.operator == operator]))
    lines.append(row("**total**", results))
    lines += ["", f"{share(results):.1%} of the cases that are not excluded pass."]
    for state in ("fail", "unsupported"):
        lines += details(state, [result for result in results if result.state == state])
    return "\n".join(lines) + "\n"


def row(title, results):
    counts = Counter(result.state for result in results)
    return f"| {title} | {len(results)} | " + " | ".join(str(counts[state]) for state in STATES) + " |"


def details(state, results):
    if not results:
        return []
    lines = ["", f"## {state.capitalize()}", "", "| case | operator | reason |", "| --- | --- | --- |"]
    for result in results:
        reason = one_line(result.reason).replace("|", "\\|")
        lines.append(f"| {result.case} | {result.operator} | {reason} |")
    return lines


def counts(cases):
    """How many cases there are of each operator, and why some are excluded, as markdown."""
    reasons = [(case.operator, exclusion(case)) for case in cases]
    lines = ["| operator | cases | excluded | reasons |", "| --- | ---: | ---: | --- |"]
    for operator in sorted({operator for operator, _ in reasons}, key=str.lower):
        why = [reason for name, reason in reasons if name == operator]
        tally = Counter(reason for reason in why if reason)
        words = ", ".join(f"{reason} ({count})" for reason, count in tally.most_common())
        lines.append(f"| {operator} | {len(why)} | {tally.total()} | {words} |")
    excluded = sum(1 for _, reason in reasons if reason)
    lines.append(f"| **total** | {len(reasons)} | {excluded} | |")
    without = sorted(set(OPERATORS + RELATIVES) - {operator for operator, _ in reasons}, key=str.lower)
    return "\n".join([*lines, "", f"Without cases: {', '.join(without) or 'none'}."])


def choose(cases, options):
    if options.operator:
        cases = [case for case in cases if case.operator in options.operator]
    if options.case:
        cases = [case for case in cases if any(fnmatch.fnmatch(case.name, pattern) for pattern in options.case)]
    return cases


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted(OPERATORS + RELATIVES)
    parser.add_argument("--operator", metavar="NAME", action="append", choices=known, help="only this one's cases")
    parser.add_argument("--case", metavar="PATTERN", action="append", help="only cases of such a name, with * and ?")
    parser.add_argument("--expanded", action="store_true", help="also the cases made of the operators' function bodies")
    parser.add_argument("--narrow", action="store_true", help="run cases of type double in float32 where that can be")
    parser.add_argument("--retry", action="store_true", help="pack refused models again, only the first input free")
    parser.add_argument("--executor", default="wasmi", choices=["wasmi", "jit", "native"], help="default: wasmi")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count(), help="cases at a time")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=120, help="of one command, default: 120")
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the results as markdown")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results as JSON")
    parser.add_argument("--at-least", metavar="SHARE", type=float, default=0.9, help="that must pass, default: 0.9")
    parser.add_argument("--list", action="store_true", help="count the cases, run nothing")
    return parser.parse_args()


def main():
    options = parse_arguments()
    cases = choose(load_cases(options.expanded, options.narrow), options)
    if options.list:
        print(counts(cases))
        return 0
    if not cases:
        sys.exit("error: no case has such a name")
    results = judge_all(cases, options)
    if options.table:
        options.table.write_text(table(results))
    if options.json:
        options.json.write_text(json.dumps([vars(result) for result in results], indent=1) + "\n")
    tally = Counter(result.state for result in results)
    print(", ".join(f"{tally[state]} {state}" for state in STATES) + f", {share(results):.1%} pass", file=sys.stderr)
    return int(share(results) < options.at_least)


if __name__ == "__main__":
    sys.exit(main())
