"""Where the work is done: the stations a tick passes on its way to an order."""
