"""The Korea Investment & Securities Open API: the wire, its budget, its broker and its feed."""
