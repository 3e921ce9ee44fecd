"""The commands and their options; a module per command."""
