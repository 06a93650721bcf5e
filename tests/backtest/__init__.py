"""The backtest: held against the daemon, against plain implementations, and against its own future."""
