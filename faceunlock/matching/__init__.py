"""Vectors to decisions, and what decisions are worth: arrays only, no files."""
