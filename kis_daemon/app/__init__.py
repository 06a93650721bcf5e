"""The drawing office: the only place that knows modes, files and the environment."""
