# CXR Vault as a container: see docs/hosting.md.
# 3.12.13 on Debian trixie, for every architecture; docs/hosting.md says how to take a newer one. Another image with
# Python 3.11-3.13 may stand in: one from a mirror, or one made on a machine without a registry.
ARG BASE=python:3.12-slim@sha256:57cd7c3a7a273101a6485ba99423ee568157882804b1124b4dd04266317710de
FROM ${BASE}

# The address of PyTorch's CPU index makes the image 2.5 GB smaller; without it the default build is taken.
ARG TORCH_INDEX=""

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    CXR_VAULT_DATA=/data NUMBA_CACHE_DIR=/tmp/numba MALLOC_ARENA_MAX=2

WORKDIR /app

# Before the code, so that a change of code installs nothing again.
COPY requirements*.txt requirements-dev.lock ./
# The servers of docs/operators.md need requirements-server.txt as well.
ARG REQUIREMENTS="requirements.txt"
# Every package in the version of the lock. Its hashes are of the default builds, which another index's torch has not.
RUN sed -n 's/^\([A-Za-z0-9._-]*==[^ ]*\)\( ;[^\\]*\)\{0,1\} *\\\{0,1\}$/\1\2/p' requirements-dev.lock > /tmp/constraints.txt \
    && pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)" \
    && for file in $REQUIREMENTS; do pip install -c /tmp/constraints.txt -r "$file" || exit 1; done

COPY . .

# Nobody in particular: the app writes to /tmp and, if somebody fetches the real gallery, to /data.
RUN useradd --system --uid 10001 --no-create-home vault && mkdir /data /state && chown vault /data /state
USER vault
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

CMD ["python", "-m", "streamlit", "run", "streamlit_app.py", "--server.address=0.0.0.0", "--server.port=8501"]
