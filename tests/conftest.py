"""What every test shares: no deadlines on a busy machine, one torch thread a worker."""

import os

from hypothesis import settings

# Two workers on two cores: torch's own threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
