"""Files on disk: who may read or change them, how they are written, the SQLite file of ours."""
