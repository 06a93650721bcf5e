"""One module a version, for every database."""
