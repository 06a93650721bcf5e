"""The tests: they mirror the package, and their names are the rules."""
