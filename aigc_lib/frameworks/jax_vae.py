"""The VAE in plain JAX: functions of a dictionary of arrays. JAX brings derivatives and a compiler; Adam is ours."""

from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

Weights = dict[str, jax.Array]
SHARED = {}  # Adam is written as Keras has it


def encode_with(weights: Weights, x):
    h = jax.nn.relu(x @ weights["encoder.0.weight"].T + weights["encoder.0.bias"])
    mean, log_variance = jnp.split(h @ weights["encoder.2.weight"].T + weights["encoder.2.bias"], 2, axis=1)
    return mean, jnp.clip(log_variance, -12, 8)


def decode_with(weights: Weights, z):
    h = jax.nn.relu(z @ weights["decoder.0.weight"].T + weights["decoder.0.bias"])
    return h @ weights["decoder.2.weight"].T + weights["decoder.2.bias"]


def loss(weights: Weights, x, noise):
    mean, log_variance = encode_with(weights, x)
    x_hat = decode_with(weights, mean + jnp.exp(log_variance / 2) * noise)
    variance = jnp.square(x_hat - x).mean()
    rebuilding = x.shape[1] / 2 * (jnp.log(2 * jnp.pi * variance) + 1)
    kl = (jnp.square(mean) + jnp.exp(log_variance) - 1 - log_variance).sum(1).mean() / 2
    return (rebuilding + kl) / x.shape[1]


@jax.jit
def update(weights: Weights, first: Weights, second: Weights, rate, x, noise):
    """One step of Adam (Kingma & Ba 2015); first and second are the running moments of the gradients."""
    value, gradients = jax.value_and_grad(loss)(weights, x, noise)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
    return weights, first, second, value


def fit(model: dict, batches: Iterator, epochs: int, steps: int, on_epoch: Callable[[float], None]) -> None:
    weights, step = model["weights"], 0
    first = second = jax.tree.map(jnp.zeros_like, weights)
    for _ in range(epochs):
        total = 0.0
        for _ in range(steps):
            step += 1
            rate = 1e-3 * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)  # by Python: 1 - 0.999**step cancels digits
            weights, first, second, value = update(weights, first, second, rate, *next(batches))
            total += float(value)
        on_epoch(total / steps)
    model["weights"] = weights


def start(sizes: tuple[int, int, int], seed: int) -> Weights:
    """Uniform as in Glorot & Bengio (2010); plain JAX has no default of its own."""
    pixels, hidden, latent = sizes
    shapes = {"encoder.0": (hidden, pixels), "encoder.2": (2 * latent, hidden),
              "decoder.0": (hidden, latent), "decoder.2": (pixels, hidden)}
    weights, draw = {}, jax.nn.initializers.glorot_uniform(in_axis=1, out_axis=0)
    for key, (name, shape) in zip(jax.random.split(jax.random.key(seed), len(shapes)), shapes.items()):
        weights |= {f"{name}.weight": draw(key, shape), f"{name}.bias": jnp.zeros(shape[0])}
    return weights


def use(dtype: str) -> None:
    jax.config.update("jax_enable_x64", dtype == "float64")


def build(sizes: tuple[int, int, int], seed: int) -> dict:
    return {"weights": start(sizes, seed)}


def load_weights(model: dict, weights: dict[str, np.ndarray]) -> None:
    model["weights"] = {name: jnp.asarray(value) for name, value in weights.items()}


def dump_weights(model: dict) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in model["weights"].items()}


def encode(model: dict, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, log_variance = encode_with(model["weights"], x)
    return np.asarray(mean), np.asarray(log_variance)


def decode(model: dict, z: np.ndarray) -> np.ndarray:
    return np.asarray(decode_with(model["weights"], z))


def export_stablehlo(model: dict, file: Path, z: np.ndarray) -> np.ndarray:
    from jax import export

    batch = export.symbolic_shape("batch")[0]
    traced = export.export(jax.jit(lambda z: decode_with(model["weights"], z)))
    file.write_bytes(traced(jax.ShapeDtypeStruct((batch, z.shape[1]), z.dtype)).serialize())
    return np.asarray(export.deserialize(bytearray(file.read_bytes())).call(z))


EXPORTS = {"StableHLO": ("decoder.stablehlo", export_stablehlo)}
