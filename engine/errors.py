"""The one base class of every error a person may see.

The command line prints the message of a :class:`VaultError` and exits with status 2; a page shows it
with ``st.error``. Each message is one sentence that names the problem and the way out.
"""


class VaultError(Exception):
    """A problem the person in front of the screen can understand and solve."""
