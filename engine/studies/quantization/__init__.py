"""The study of int8 networks: the result ``quantization``."""
