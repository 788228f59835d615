"""The study of paper B's classifiers on encrypted pictures: the result ``encrypted_search``."""
