"""The two errors of this package."""

from engine.errors import VaultError

NOT_GENUINE = (
    "The picture was sealed with another key, or the file changed since: check the key, or fetch the file again."
)
NOT_SIGNED = (
    "The file is not signed by the owner of this key: somebody else sealed it, or it changed since: "
    "fetch the owner's file again."
)


class CipherError(VaultError):
    """A key, picture, parameter or container that cannot be used, said in one sentence."""


class AuthenticationError(CipherError):
    """A container that this key did not seal, or that changed since it was sealed.

    It is a :class:`CipherError`, so a caller that only wants to know whether a picture came back needs
    to catch one class.
    """
