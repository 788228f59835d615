"""What a PostgreSQL database says, in a sentence that names the way out."""

from engine.retrieval.stores.postgresql_address import Address

_DUPLICATE, _DISK_FULL, _UNKNOWN_DATABASE = "23505", "53100", "3D000"


def sentence_of(error: Exception, address: Address) -> str:
    """Say what is wrong with a store and what to do about it.

    Args:
        error: of psycopg.
        address: of the store; its password is left out of what the database says.

    Example:
        >>> sentence_of(OSError('FATAL: database "clinic" does not exist'), Address.of("postgresql://me@db/clinic"))
        'There is no database "clinic" at postgresql://db/clinic: make it (createdb -h db clinic), or name another.'
    """
    state = getattr(error, "sqlstate", None)
    reason = address.without_password(str(error)).strip().splitlines()[0]
    if state == _DUPLICATE:
        return f"The store {address.shown} already holds one of these ids: upload it once."
    if state == _DISK_FULL:
        return f"The disk of the database {address.shown} is full: make room there, then run again to go on."
    # A connection that is refused has no state, only words.
    if state == _UNKNOWN_DATABASE or (state is None and 'database "' in reason and "does not exist" in reason):
        name, command = address.database, f"createdb{address.options} {address.database}"
        return f'There is no database "{name}" at {address.shown}: make it ({command}), or name another.'
    return f"The store {address.shown} cannot be used ({reason}): try again."
