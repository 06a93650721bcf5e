"""The backtest: the daemon's own services on replayed bars, with the exchange behind the ports and time that jumps."""
