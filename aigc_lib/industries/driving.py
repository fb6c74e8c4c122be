"""Driving: how a car follows the one ahead. A published model makes the traffic (模拟), and rides are checked.

The Intelligent Driver Model: Treiber, Hennecke & Helbing 2000, Physical Review E 62, equations 3 and 4.
Units: metres, seconds. A ride has POINTS points, EVERY seconds apart.
"""

from typing import NamedTuple

import numpy as np

POINTS, EVERY = 40, 0.5  # of a ride: 20 seconds
FINE = 0.1  # seconds of a step of the simulation
HARDEST = 8.0  # m/s^2: what brakes can do on a dry road
DRIVERS = {"wish": (22.0, 34.0), "headway": (0.8, 2.2), "standstill": (1.5, 3.0), "push": (0.8, 2.0), "brake": (1.2, 2.5)}


class Scenes(NamedTuple):
    """What a driver is faced with: the car ahead's speed (N, POINTS), own speed (N,), and the gap (N,)."""

    lead: np.ndarray
    speed: np.ndarray
    gap: np.ndarray

    def controls(self) -> np.ndarray:
        """The same as one table (N, POINTS + 2), for a model to be steered by."""
        return np.column_stack([self.lead, self.speed, self.gap])

    def take(self, rows: np.ndarray) -> "Scenes":
        return Scenes(*(part[rows] for part in self))


class Rides(NamedTuple):
    """What came of it, each (N, POINTS): speed, gap from bumper to bumper (below 0: a crash), acceleration."""

    speed: np.ndarray
    gap: np.ndarray
    acceleration: np.ndarray

    def crashed(self) -> np.ndarray:
        return (self.gap < 0).any(1)

    def jerk(self) -> np.ndarray:
        """Root mean square change of the acceleration, m/s^3, (N,): what passengers feel."""
        return np.sqrt(np.square(np.diff(self.acceleration, axis=1) / EVERY).mean(1))


def drivers(n: int, seed: int = 0) -> np.ndarray:
    """n drivers at random, (n, 5): wished speed, time headway, gap at standstill, acceleration, comfortable braking."""
    low, high = np.array(list(DRIVERS.values())).T
    return np.random.default_rng([seed, 1]).uniform(low, high, (n, len(DRIVERS)))


def scenes(who: np.ndarray, seed: int = 0) -> Scenes:
    """One scene a driver: the car ahead changes its mind every few seconds, and now and then brakes hard."""
    rng, n = np.random.default_rng([seed, 2]), len(who)
    speed = rng.uniform(8, 26, n)
    lead, pull, left = [], np.zeros(n), np.zeros(n)
    for _ in range(POINTS):
        new = left <= 0
        mood = np.where(rng.random(n) < 0.1, rng.uniform(-5, -3, n), rng.normal(0, 0.7, n))
        pull = np.where(new, mood, pull)
        left = np.where(new, rng.uniform(1.5, 5, n), left) - EVERY
        lead.append(speed)
        speed = np.clip(speed + pull * EVERY, 0, 33)
    own = np.clip(lead[0] + rng.normal(0, 1, n), 1, who[:, 0] - 1)
    gap = (who[:, 2] + own * who[:, 1]) / np.sqrt(1 - (own / who[:, 0]) ** 4) * rng.uniform(0.9, 1.4, n)
    return Scenes(np.stack(lead, 1), own, gap)


def follow(scene: Scenes, who: np.ndarray) -> Rides:
    """Each driver drives through the scene by the Intelligent Driver Model."""
    if len(who) != len(scene.speed):
        raise ValueError(f"one driver a scene is wanted, found {len(who)} drivers and {len(scene.speed)} scenes.")
    wish, headway, standstill, push, brake = who.T
    speed, gap, pulls = scene.speed, scene.gap, []
    ahead = np.column_stack([scene.lead, 2 * scene.lead[:, -1] - scene.lead[:, -2]]).clip(0)
    steps = round(EVERY / FINE)
    for k in range(POINTS * steps):
        part = k % steps / steps
        lead = (1 - part) * ahead[:, k // steps] + part * ahead[:, k // steps + 1]
        wanted = standstill + np.maximum(0, speed * headway + speed * (speed - lead) / (2 * np.sqrt(push * brake)))
        pull = np.maximum(push * (1 - (speed / wish) ** 4 - (wanted / np.maximum(gap, 0.1)) ** 2), -HARDEST)
        faster = np.maximum(speed + pull * FINE, 0)
        pulls.append((faster - speed) / FINE)
        gap, speed = gap + (lead - (speed + faster) / 2) * FINE, faster
    return roll(scene, np.stack(pulls, 1).reshape(len(who), POINTS, steps).mean(2))


def roll(scene: Scenes, acceleration: np.ndarray) -> Rides:
    """Speeds and gaps of given accelerations (N, POINTS), each held for EVERY seconds; a car does not roll back."""
    if acceleration.shape != scene.lead.shape:
        raise ValueError(f"wanted accelerations {scene.lead.shape}, one a point of each scene, found {acceleration.shape}.")
    if bad := int((~np.isfinite(acceleration)).sum()):
        raise ValueError(f"wanted finite accelerations in m/s^2, found {bad} that are not.")
    speed, gap, rides = scene.speed, scene.gap, []
    ahead = np.column_stack([scene.lead, 2 * scene.lead[:, -1] - scene.lead[:, -2]]).clip(0)
    for k in range(POINTS):
        faster = np.maximum(speed + acceleration[:, k] * EVERY, 0)
        closing = (speed + faster - ahead[:, k] - ahead[:, k + 1]) / 2
        rides.append((faster, gap - closing * EVERY, (faster - speed) / EVERY))
        speed, gap = rides[-1][:2]
    return Rides(*(np.stack(part, axis=1) for part in zip(*rides)))
