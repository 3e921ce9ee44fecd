"""From vectors to decisions, and how reliable decisions are: arrays only, no files."""
