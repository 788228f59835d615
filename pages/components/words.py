"""Numbers and the words that go with them."""


def counted(count: int, noun: str) -> str:
    """Write a number of things.

    >>> counted(1, "bit"), counted(0, "bit"), counted(1200, "picture")
    ('1 bit', '0 bits', '1,200 pictures')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """Return the verb that goes with a number of things.

    >>> are(1), are(0), are(2)
    ('is', 'are', 'are')
    """
    return "is" if count == 1 else "are"
