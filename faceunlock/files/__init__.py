"""Files on disk: who may read or change them, how they are written, and our SQLite files."""
