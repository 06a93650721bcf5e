"""What the daemon costs: start, memory and idle work beside bare Python's, and the way from a price to an order."""
