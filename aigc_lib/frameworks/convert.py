"""``python -m aigc_lib.frameworks.convert FROM.keras TO.onnx``: the decoder of a saved VAE, on this process's backend."""

import sys
from pathlib import Path

import keras

from aigc_lib.frameworks.keras_vae import VAE, export_onnx


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    model = keras.saving.load_model(source)  # its safe mode, the default, runs no code from the file
    if not isinstance(model, VAE):
        sys.exit(f"wanted a VAE in {source.name}, found a {type(model).__name__}.")
    export_onnx(model, target)


if __name__ == "__main__":
    main()
