"""The page of ``faceunlock serve`` and its HTTP API: for the person at this machine, and nobody else."""
