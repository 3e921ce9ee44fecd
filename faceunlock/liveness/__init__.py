"""Presentation attacks: checks that can be measured, how they are measured, and when they are used.

Passive liveness on one RGB photo does not stop a good print. Nothing here promises that it does: a check is
used only once it has been measured on attacks, and what it let through then is kept with it.
"""
