"""A gallery on a PostgreSQL server: the rules of `faceunlock.gallery` on tables that many machines share."""
