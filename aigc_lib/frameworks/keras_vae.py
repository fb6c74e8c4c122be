"""The VAE in Keras 3: one text for the backends jax, torch and tensorflow. KERAS_BACKEND must be set before the import.

``compute_loss`` and ``fit`` leave the step itself to Keras, which compiles it where the backend can.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops

from aigc_lib.frameworks.read_back import run_onnx

SHARED = {}  # options of fit that make its Adam the one of all: it is Keras's own


@keras.saving.register_keras_serializable("aigc")
class VAE(keras.Model):
    """(x (B, pixels), noise (B, latent)) -> x_hat, mean, log variance; the loss as in ``torch_vae``."""

    def __init__(self, pixels: int, hidden: int, latent: int, **options):
        super().__init__(**options)
        self.sizes = {"pixels": pixels, "hidden": hidden, "latent": latent}
        self.encoder = keras.Sequential([keras.layers.Dense(hidden, "relu"), keras.layers.Dense(2 * latent)])
        self.decoder = keras.Sequential([keras.layers.Dense(hidden, "relu"), keras.layers.Dense(pixels)])
        self.encoder.build((None, pixels))
        self.decoder.build((None, latent))

    def encode(self, x):
        mean, log_variance = ops.split(self.encoder(x), 2, axis=1)
        return mean, ops.clip(log_variance, -12, 8)

    def decode(self, z):
        return self.decoder(z)

    def call(self, inputs):
        x, noise = inputs
        mean, log_variance = self.encode(x)
        return self.decode(mean + ops.exp(log_variance / 2) * noise), mean, log_variance

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        pixels, (x_hat, mean, log_variance) = x[0], y_pred
        variance = ops.mean(ops.square(x_hat - pixels))
        rebuilding = pixels.shape[1] / 2 * (ops.log(2 * np.pi * variance) + 1)
        kl = ops.mean(ops.sum(ops.square(mean) + ops.exp(log_variance) - 1 - log_variance, axis=1)) / 2
        return (rebuilding + kl) / pixels.shape[1]

    def get_config(self):
        return super().get_config() | self.sizes


def fit(model: VAE, batches: Iterator, epochs: int, steps: int, on_epoch: Callable[[float], None]) -> None:
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    tell = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(logs["loss"]))
    model.fit(((batch,) for batch in batches), epochs=epochs, steps_per_epoch=steps, verbose=0, callbacks=[tell])


def use(dtype: str) -> None:
    keras.config.set_floatx(dtype)        # of metrics
    keras.config.set_dtype_policy(dtype)  # of layers
    if keras.backend.backend() == "jax":
        import jax  # the backend that is loaded

        jax.config.update("jax_enable_x64", dtype == "float64")


def build(sizes: tuple[int, int, int], seed: int) -> VAE:
    keras.utils.set_random_seed(seed)
    return VAE(*sizes)


def _dense(model: VAE) -> dict[str, keras.layers.Dense]:
    """PyTorch's names of the four layers: between two of them there is a ReLU, which counts there."""
    return {f"{part}.{2 * i}": layer
            for part in ("encoder", "decoder") for i, layer in enumerate(getattr(model, part).layers)}


def load_weights(model: VAE, weights: dict[str, np.ndarray]) -> None:
    for name, layer in _dense(model).items():
        layer.set_weights([weights[f"{name}.weight"].T, weights[f"{name}.bias"]])  # (in, out) here, (out, in) in torch


def dump_weights(model: VAE) -> dict[str, np.ndarray]:
    found = {}
    for name, layer in _dense(model).items():
        kernel, found[f"{name}.bias"] = layer.get_weights()
        found[f"{name}.weight"] = kernel.T
    return found


def encode(model: VAE, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, log_variance = model.encode(ops.convert_to_tensor(x))
    return ops.convert_to_numpy(mean), ops.convert_to_numpy(log_variance)


def decode(model: VAE, z: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(model.decode(ops.convert_to_tensor(z)))


def export_keras(model: VAE, file: Path, z: np.ndarray) -> np.ndarray:
    model.save(file)
    return decode(open_keras(file), z)


def open_keras(file: Path) -> VAE:
    """A VAE from a .keras file that any backend wrote. TypeError for a file of something else."""
    model = keras.saving.load_model(file)  # its safe mode, the default, runs no code from the file
    if not isinstance(model, VAE):
        raise TypeError(f"wanted a VAE in {file.name}, found a {type(model).__name__}.")
    return model


def export_onnx(model: VAE, file: Path, z: np.ndarray) -> np.ndarray:
    model.decoder.export(file, format="onnx", verbose=False)
    return run_onnx(file, z)


def export_saved_model(model: VAE, file: Path, z: np.ndarray) -> np.ndarray:
    import tensorflow as tf  # on every backend: the format is TensorFlow's

    model.decoder.export(file, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(file)  # a name of its own keeps the variables alive
    return loaded.serve(z).numpy()


EXPORTS = {".keras": ("vae.keras", export_keras), "SavedModel": ("saved_model", export_saved_model),
           "ONNX": ("decoder.onnx", export_onnx)}
