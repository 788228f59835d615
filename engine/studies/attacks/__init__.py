"""The attacks as reproducible measurements: public study keys, stated pictures, intervals, result files."""
