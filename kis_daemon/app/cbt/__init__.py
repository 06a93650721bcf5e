"""A virtual account on live quotes (`--mode cbt`): the daemon's own services, KIS's market, and nobody's money.

Rules of this room
    No order leaves the process. What opens KIS here (`kis.opening.open_quotes`) makes no broker and nothing that could
    send a command; the account is the simulator's exchange, and lives in a file of ours.
    The virtual account has a folder of its own (`data/cbt`): database, account, universe, switch. Of `--mode trade` it
    shares only KIS's keys, and the two never run at once: they would take the quotes' one connection from each other.
    A trade of the market reaches the exchange before it reaches the daemon: nobody trades at a price from tomorrow.
    Fills are the exchange's: against the touch, at most a tenth of the day's volume, costs of the day, cash T+2.
"""
