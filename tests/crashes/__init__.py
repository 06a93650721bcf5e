"""Real crashes: the real process is killed at enumerated points, started again, and has to answer for all of it."""
