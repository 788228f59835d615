"""The three roles as three programs: the cloud's and the owner's HTTP services, their clients, tokens, audit log.

``cloud`` and what it stands on import no torch and no cipher: a server that must not open anything has nothing in its
process to open it with.
"""
