"""A faithful KIS of our own: an exchange, an account, and the two servers that speak the contract."""
