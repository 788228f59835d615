"""Private search: the server computes encrypted distances to all its rows and learns neither the query nor the answer.

The query's masked code and sketch go up bit by bit under BFV (Fan and Vercauteren, 2012), a homomorphic scheme whose
ciphertexts can be added and multiplied by known numbers. What comes back are the encrypted distances to every row; who
asked decrypts, ranks and goes on as after a plain search, with the same rows.

What it does not hide: that somebody asks, when, and for how many rows' worth of answer; the masked codes, which lie on
the server as before, with their distances to each other; and which notes and pictures are fetched afterwards
(:class:`PrivatelyAsked` can fetch them among decoys). Who asks learns the distance to every row, in eight parts a row,
where a plain search names the nearest. Nothing proves that the server computed what it was asked; distances of rows
that are opened are checked against the owner's notes. Downloading all masked codes hides a query as well, for fewer
bytes (``CloudServer.rows``), and gives them to whoever asks: ``python -m benchmarks.private`` measures all three.
"""

from engine.private.asking import PrivatelyAsked
from engine.private.client import PrivateClient
from engine.private.protocol import PrivateSearchError
from engine.private.server import answer

__all__ = ["PrivateClient", "PrivateSearchError", "PrivatelyAsked", "answer"]
