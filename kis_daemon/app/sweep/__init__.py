"""The sweep: many backtests with other parameters, remembered in a study that outlives its processes."""
