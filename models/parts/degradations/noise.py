"""Noise kinds. Constants at severity 1: method document section 2.1 (Gaussian, ISO, multiplicative)."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from models.parts.degradations.base import Image, lookup, to_uint8


def gauss_noise(image: Image, severity: float, rng: Generator) -> Image:
    """Independent noise per pixel and channel, variance U(250, 260) at severity 1."""
    sigma = severity * math.sqrt(rng.uniform(250.0, 260.0))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= sigma
    noise += image
    return to_uint8(noise)


def iso_noise(image: Image, severity: float, rng: Generator) -> Image:
    """Hue noise with sigma 360 * shift * intensity degrees and Poisson-like luminance noise in HLS space.

    The Poisson draw uses its normal approximation on a field fixed by the seed, so that severity only scales it.
    """
    shift, intensity = rng.uniform(0.4, 0.5), rng.uniform(0.7, 0.8)
    shape = image.shape[:2]
    hue_noise = rng.standard_normal(shape, dtype=np.float32)
    grain = rng.standard_normal(shape, dtype=np.float32)
    hls = cv2.cvtColor(image.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2HLS)
    hue, luminance, saturation = cv2.split(hls)
    deviation = float(cv2.meanStdDev(luminance)[1][0, 0])
    mean = severity * intensity * 255.0 * deviation
    hue_noise *= severity * shift * intensity * 360.0
    hue_noise += hue
    np.mod(hue_noise, 360.0, out=hue_noise)
    grain *= math.sqrt(mean)
    grain += mean
    np.maximum(grain, 0.0, out=grain)
    luminance += grain * np.float32(1 / 255) * (1.0 - luminance)
    np.clip(luminance, 0.0, 1.0, out=luminance)
    rgb = cv2.cvtColor(cv2.merge([hue_noise, luminance, saturation]), cv2.COLOR_HLS2RGB)
    rgb *= 255.0
    return to_uint8(rgb)


def impulse_noise(image: Image, severity: float, rng: Generator) -> Image:
    """One gain U(1.4, 1.5) for the whole image; the published name misleads, nothing is impulsive."""
    gain = 1.0 + severity * rng.uniform(0.4, 0.5)
    return lookup(np.arange(256, dtype=np.float32) * gain, image)
