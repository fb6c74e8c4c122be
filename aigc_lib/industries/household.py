"""Smart homes: what a day of electricity looks like, and what many such days do to one transformer."""

import numpy as np

SLOTS = 48  # half hours
MEASURES = ("用电量", "最高", "最高在几点", "最低", "最大一跳", "前后半时相关")  # kWh, W, hour, W, W, none


def measures(watts: np.ndarray) -> np.ndarray:
    """MEASURES of each day, (N, 48) half-hour means in watts -> (N, 6).

    Energy, highest, when, lowest, largest change between half hours, and the correlation of neighbours within the
    day (0 where nothing changes). ValueError unless there are 48 finite numbers a day, none negative.
    """
    if watts.ndim != 2 or watts.shape[1] != SLOTS or not np.isfinite(watts).all() or watts.min() < 0:
        raise ValueError(f"wanted days (N, {SLOTS}) of finite watts, none negative, found shape {watts.shape}.")
    centred = watts - watts.mean(1, keepdims=True)
    variance = np.square(centred).mean(1)
    together = (centred[:, 1:] * centred[:, :-1]).mean(1) / np.where(variance > 0, variance, 1)
    return np.column_stack([watts.sum(1) / 2000, watts.max(1), watts.argmax(1) / 2, watts.min(1),
                            np.abs(np.diff(watts, axis=1)).max(1), together])


def measure_gaps(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Kolmogorov-Smirnov distance, 0 to 1, between real and made days in each of MEASURES."""
    from scipy.stats import ks_2samp  # here, because scipy.stats takes half a second to import

    return {name: float(ks_2samp(a, b, method="asymp").statistic) for name, a, b in zip(MEASURES, measures(real).T, measures(made).T)}


def street_peaks(watts: np.ndarray, homes: int, draws: int = 500, seed: int = 0) -> np.ndarray:
    """The highest half hour of streets with ``homes`` days drawn from (N, 48), in kW, (draws,): sizes a transformer."""
    rows = np.random.default_rng(seed).integers(len(watts), size=(draws, homes))
    return watts[rows].sum(1).max(1) / 1000
