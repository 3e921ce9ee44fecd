"""Every word and JSON field of the answers; a module per task."""
