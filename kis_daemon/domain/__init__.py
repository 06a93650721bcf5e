"""The ground floor: pure, synchronous, standard library only."""
