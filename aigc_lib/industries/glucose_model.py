"""How glucose and insulin move through a virtual patient with type 1 diabetes, many patients at a time.

The UVA/Padova simulator of 2008: Dalla Man, Rizza & Cobelli 2007 (IEEE TBME 54(10)), Kovatchev et al. 2009 (JDST
3(1)), with the stomach of Dalla Man, Camilleri & Cobelli 2006 (IEEE TBME 53(12)). Thirteen quantities x (13, N):

    0, 1  food in the stomach, solid and ground (mg)       2  food in the gut (mg)
    3, 4  glucose in plasma and in the tissues (mg/kg)     5, 9  insulin in plasma and in the liver (pmol/kg)
    6     what insulin does to uptake (pmol/L)             7, 8  what it does to the liver, delayed (pmol/L)
    10, 11  insulin under the skin, as injected and broken down (pmol/kg)     12  glucose under the skin (mg/kg)

A parameter keeps its name in the papers. ``p`` maps it to (N,), one value a patient.
"""

from collections.abc import Mapping

import numpy as np

Parameters = Mapping[str, np.ndarray]
MG_PER_G, PMOL_PER_UNIT = 1000.0, 6000.0
MAY_BE_NEGATIVE = np.isin(np.arange(13), (0, 1, 2, 6, 7, 8))[:, None]


def derivatives(x: np.ndarray, p: Parameters, eating: np.ndarray, insulin: np.ndarray, meal: np.ndarray) -> np.ndarray:
    """Rates (13, N) a minute. eating (N,) g/min; insulin (N,) U/min; meal (N,) mg, how much the stomach had to empty."""
    d = np.empty_like(x)
    emptying = _emptying(x[0] + x[1], p, meal)
    d[0] = MG_PER_G * eating - p["kmax"] * x[0]
    d[1] = p["kmax"] * x[0] - emptying * x[1]
    d[2] = emptying * x[1] - p["kabs"] * x[2]
    appearing = p["f"] * p["kabs"] * x[2] / p["BW"]
    made = np.maximum(p["kp1"] - p["kp2"] * x[3] - p["kp3"] * x[8], 0)  # by the liver
    lost = p["ke1"] * np.maximum(x[3] - p["ke2"], 0)  # through the kidneys
    crossing = p["k1"] * x[3] - p["k2"] * x[4]
    d[3] = made + appearing - p["Fsnc"] - lost - crossing
    d[4] = crossing - (p["Vm0"] + p["Vmx"] * x[6]) * x[4] / (p["Km0"] + x[4])
    absorbed = p["ka1"] * x[10] + p["ka2"] * x[11]
    d[5] = p["m1"] * x[9] - (p["m2"] + p["m4"]) * x[5] + absorbed
    concentration = x[5] / p["Vi"]
    d[6] = p["p2u"] * (concentration - p["Ib"] - x[6])
    d[7] = p["ki"] * (concentration - x[7])
    d[8] = p["ki"] * (x[7] - x[8])
    d[9] = p["m2"] * x[5] - (p["m1"] + p["m30"]) * x[9]
    d[10] = PMOL_PER_UNIT * insulin / p["BW"] - (p["ka1"] + p["kd"]) * x[10]
    d[11] = p["kd"] * x[10] - p["ka2"] * x[11]
    d[12] = p["ksc"] * (x[3] - x[12])
    return np.where((x >= 0) | MAY_BE_NEGATIVE, d, 0)  # an amount below zero waits, as in simglucose


def _emptying(stomach: np.ndarray, p: Parameters, meal: np.ndarray) -> np.ndarray:
    """How fast the stomach empties (1/min): fast when it is full and when it is nearly empty, slow in between."""
    size = np.maximum(meal, 1e-9)
    full = np.tanh(2.5 / (1 - p["b"]) * (stomach / size - p["b"]))
    low = np.tanh(2.5 / p["d"] * (stomach / size - p["d"]))
    return np.where(meal > 0, p["kmin"] + (p["kmax"] - p["kmin"]) / 2 * (full - low + 2), p["kmax"])


def advance(x: np.ndarray, p: Parameters, eating: np.ndarray, insulin: np.ndarray, meal: np.ndarray) -> np.ndarray:
    """x one minute later: one step of Heun's method, whose error here is below that of any sensor. (13, N) -> (13, N)."""
    now = derivatives(x, p, eating, insulin, meal)
    return x + (now + derivatives(x + now, p, eating, insulin, meal)) / 2
