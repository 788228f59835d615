"""Everything CXR Vault computes; nothing in here knows about the dashboard.

Imports run one way: ``pages`` -> ``engine`` -> ``models``.
"""
