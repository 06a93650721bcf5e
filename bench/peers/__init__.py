"""Other people's backtesters, each in an environment of its own, and ours beside them: one market, one rule."""
