"""One trainer for every hashing method; a run is a configuration, not a script."""
