"""The first schema as files have it."""
