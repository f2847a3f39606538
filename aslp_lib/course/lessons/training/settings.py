"""Settings of the lesson's training runs."""

from dataclasses import replace

from aslp_lib.config import PRESETS, Settings


def settings() -> Settings:
    """Return the settings of the lesson's runs: small images, and large steps."""
    small = replace(PRESETS["demo"], size=24, limit=80, epochs=60, device="cpu")
    fast = replace(small, batch_size=20, learning_rate=8e-3)
    return fast.tuned(aslp={"alpha_step_size": 0.0125})
