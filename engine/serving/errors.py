"""What a service refuses, and what a client could not get."""

from engine.errors import VaultError


class ServingError(VaultError):
    """A server, a token or an answer cannot be used, said in one sentence."""


class RefusedError(ServingError):
    """A request that a service does not answer.

    Attributes:
        status: HTTP status (RFC 9110).
        headers: sent with it.
    """

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        """Refuse.

        Args:
            status: HTTP status, 400 to 599.
            sentence: what is wrong and the way out; it must tell nothing that the caller may not know.
            headers: such as ``Retry-After``.
        """
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}
