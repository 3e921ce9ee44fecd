"""The text and JSON fields of every answer, one module per task."""
