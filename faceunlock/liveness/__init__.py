"""Checks for presentation attacks: how they are measured, and when they are used.

Passive liveness on one RGB photo does not stop a good print. Nothing here promises that it does. A check is
used only after it has been measured on attacks, and the error rates of that measurement are kept with it.
"""

MEASUREMENT = "pad.json"
"""Name of the file, beside the gallery, that holds the measurement."""

CAMERAS = "cameras.json"
"""Name of the file, beside the gallery, that says which cameras show a mirror image."""
