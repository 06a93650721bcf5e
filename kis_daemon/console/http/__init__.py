"""The operator's HTTP desk."""
