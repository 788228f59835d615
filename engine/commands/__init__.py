"""The commands of ``python -m engine``, one topic a module, each with an ``add_parser(commands)``."""
