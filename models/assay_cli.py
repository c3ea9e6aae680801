"""Calls the `assay` binary: the one that $ASSAY names, or else the one on PATH."""

import json
import os
import subprocess

import numpy as np

TYPES = {
    "f32": np.float32,
    "i8": np.int8,
    "u8": np.uint8,
    "i32": np.int32,
    "i64": np.int64,
    "bool": np.bool_,
}


class Refused(Exception):
    """The command ended with exit code 1 and a message."""


class Crashed(Exception):
    """The command ended in any other way."""


def pack(model, package, constants=None, dims=None, timeout=None):
    """Compiles `model`; `constants` maps names of inputs to .npy files, `dims` names of dimensions to sizes."""
    command = ["pack", model, "-o", package]
    for name, file in (constants or {}).items():
        command += ["--const", f"{name}={file}"]
    for name, size in (dims or {}).items():
        command += ["--dim", f"{name}={size}"]
    call(command, timeout)


def run(package, inputs, batch=False, executor="wasmi", timeout=None):
    """Runs `package` on .npy files by name of input; returns what the command prints."""
    command = ["run", package, "--executor", executor, "--json"]
    for name, file in inputs.items():
        command += ["--input", f"{name}={file}"]
    if batch:
        command.append("--batch")
    return json.loads(call(command, timeout))


def call(arguments, timeout):
    command = [os.environ.get("ASSAY", "assay"), *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
    except FileNotFoundError:
        raise SystemExit(f"error: there is no {command[0]}: name the binary in $ASSAY") from None
    except subprocess.TimeoutExpired:
        raise Crashed(f"{arguments[0]} took more than {timeout} s") from None
    if done.returncode == 0:
        return done.stdout
    message = done.stderr.strip() or "no message"
    if done.returncode == 1:
        raise Refused(message.removeprefix("error: "))
    raise Crashed(f"{arguments[0]} ended with {done.returncode}: {message}")


def outputs(result):
    """The output tensors of one run, by name."""
    return {name: tensor(entry) for name, entry in result["outputs"].items()}


def tensor(entry):
    data = entry["data"]
    if entry["type"].startswith("f"):
        data = [float(value) for value in data]
    return np.array(data, TYPES[entry["type"]]).reshape(entry["shape"])
