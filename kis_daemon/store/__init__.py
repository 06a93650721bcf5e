"""The database: tables, the one way to run a transaction, and the rows in it."""
