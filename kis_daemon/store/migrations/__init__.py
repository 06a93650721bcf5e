"""The history of the schema, one module a version; never edited once released."""
