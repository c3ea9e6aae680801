"""onnxruntime's answers on the test split.

Usage: python reference.py          writes <model>.reference.f32, [360, 10] little-endian
       python reference.py --check  recomputes them and fails if one differs by more than 1e-6
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent
MODELS = ["mlp", "cnn", "cnn-int8"]
TOLERANCE = 1e-6
MINIMUM_ACCURACY = 0.95


def answers(model, images):
    """Returns the probabilities [n, 10] of every image, each run alone."""
    session = onnxruntime.InferenceSession(FOLDER / f"{model}.onnx", providers=["CPUExecutionProvider"])
    (spec,) = session.get_inputs()
    rows = [session.run(None, {spec.name: image.reshape(spec.shape)})[0] for image in images]
    return np.concatenate(rows).astype("<f4")


def main():
    images = np.fromfile(FOLDER / "test_inputs.f32", "<f4").reshape(-1, 64)
    labels = np.fromfile(FOLDER / "test_labels.u8", np.uint8)
    failed = False
    for model in MODELS:
        path = FOLDER / f"{model}.reference.f32"
        rows = answers(model, images)
        accuracy = float(np.mean(rows.argmax(axis=1) == labels))
        if "--check" in sys.argv[1:]:
            difference = float(np.abs(rows - np.fromfile(path, "<f4").reshape(rows.shape)).max())
            failed |= not difference <= TOLERANCE
        else:
            rows.tofile(path)
            difference = 0.0
        failed |= accuracy < MINIMUM_ACCURACY
        print(f"{model}: accuracy {accuracy:.4f}, largest difference {difference:.2e}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
