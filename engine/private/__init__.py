"""Private search: the server computes encrypted distances to all its rows and learns neither the query nor the answer.

The query's masked code and sketch go up bit by bit under BFV (Fan and Vercauteren, 2012), a homomorphic scheme whose
ciphertexts can be added and multiplied by known numbers. What comes back are the encrypted distances to every row; who
asked decrypts, ranks and goes on as after a plain search, with the same rows.

Masked codes lie on the server all the same. An owner that wants to keep them back too uploads without
(``DataOwner(hidden=True)``) and gives the server codes that are encrypted under a key of its own
(:mod:`engine.private.codes`): it then multiplies what it cannot read by what it cannot read, for three times the
processor time and 1.4 kB a code of 64 bits (5.6 kB with its sketch), and only the owner decrypts.

What it does not hide: that somebody asks, when, and for how many rows' worth of answer; the masked codes, where they
lie on the server, with their distances to each other; and which notes and pictures are fetched afterwards
(:class:`PrivatelyAsked` can fetch them among decoys). All questions about encrypted codes are under one key, so that
a server which answers wrongly and watches what is fetched may learn of them, a little each time. Who asks learns the
distance to every row, in eight parts a row, where a plain search names the nearest. Nothing proves that the server
computed what it was asked; distances of rows that are opened are checked against the owner's notes. Downloading all
masked codes hides a query as well, for fewer bytes (``CloudServer.rows``), and gives them to whoever asks: ``python
-m benchmarks.private`` measures all of them.
"""

from engine.private.asking import PrivatelyAsked
from engine.private.client import PrivateClient
from engine.private.codes import CodesKey, encrypt_codes, noted_rows
from engine.private.protocol import PrivateSearchError
from engine.private.server import EncryptedCodes, answer

__all__ = [
    "CodesKey",
    "EncryptedCodes",
    "PrivateClient",
    "PrivateSearchError",
    "PrivatelyAsked",
    "answer",
    "encrypt_codes",
    "noted_rows",
]
