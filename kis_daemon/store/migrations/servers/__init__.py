"""The first schema as servers have it."""
