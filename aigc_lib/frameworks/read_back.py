"""Runs an exported file without the framework that wrote it."""

from pathlib import Path

import numpy as np


def run_onnx(file: Path, z: np.ndarray) -> np.ndarray:
    """A decoder's pictures, by ONNX's own reference evaluator. ImportError without the package onnx."""
    from onnx.reference import ReferenceEvaluator  # part of an extra

    network = ReferenceEvaluator(str(file))
    return network.run(None, {network.input_names[0]: z})[0]
