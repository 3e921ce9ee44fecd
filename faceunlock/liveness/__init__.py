"""Presentation attacks: the stages that stop some of them, and how often they do.

``verify --camera --require-live`` asks for turns of the head, which a flat picture cannot do, and MiniFASNet
may refuse what looks like a picture. Neither stops everything, and a film of a turning head passes the turns.
"""

MEASUREMENT = "pad.json"
"""Name of the file, beside the gallery, that holds the measurement."""

CAMERAS = "cameras.json"
"""Name of the file, beside the gallery, that says which cameras show a mirror image."""
