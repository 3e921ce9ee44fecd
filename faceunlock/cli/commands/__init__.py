"""The commands and their options, one module per command."""
