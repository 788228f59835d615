"""Sealed pictures as objects of an S3 bucket, at Amazon or at any server that speaks its protocol."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.retrieval.stores.base import StoreError

AT_A_TIME = 8
# DeleteObjects takes no more.
MOST_DELETED = 1000
STRAY_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Blob:
    """One object.

    Attributes:
        name: random, under the bucket's prefix.
        sha256: of its content, 32 bytes.
    """

    name: str
    sha256: bytes = field(repr=False)


class Blobs:
    """The objects under one prefix of a bucket; safe to share between threads.

    Credentials and region come from the environment, as everywhere with S3 (``AWS_ACCESS_KEY_ID``, …).
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """Use a bucket.

        Args:
            client: of boto3.
            bucket: its name.
            prefix: under which the objects lie.
        """
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def of(cls, address: str, endpoint: str = "") -> "Blobs":
        """Open ``s3://bucket/prefix``.

        Raises:
            StoreError: boto3 is not installed, or the address names no bucket.
        """
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise StoreError("Pictures in a bucket need boto3: install requirements-server.txt.") from error
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not bucket:
            raise StoreError(f'The address "{address}" names no bucket: write s3://bucket/prefix.')
        config = Config(connect_timeout=10, read_timeout=60, max_pool_connections=2 * AT_A_TIME)
        client = boto3.client("s3", endpoint_url=endpoint or None, config=config)
        return cls(client, bucket, prefix.strip("/"))

    def put(self, contents: Sequence[bytes]) -> list[Blob]:
        """Store contents under fresh random names, all or none."""
        folder = f"{self._prefix}/" if self._prefix else ""
        names = [f"{folder}{secrets.token_hex(16)}" for _ in contents]
        blobs = [Blob(name, hashlib.sha256(data).digest()) for name, data in zip(names, contents, strict=True)]
        try:
            with self._errors(), ThreadPoolExecutor(AT_A_TIME) as pool:
                list(pool.map(self._put, names, contents))
        except StoreError:
            self.delete(names)
            raise
        return blobs

    def get(self, blobs: Sequence[Blob]) -> list[bytes]:
        """The contents of objects in their order.

        Raises:
            StoreError: one is missing or was changed, or the server cannot be reached.
        """
        if len(blobs) == 1:
            return [self._get(blobs[0])]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(pool.map(self._get, blobs))

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; missing ones are passed over."""
        with self._errors():
            for start in range(0, len(names), MOST_DELETED):
                objects = [{"Key": name} for name in names[start : start + MOST_DELETED]]
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})

    def old(self) -> Iterator[str]:
        """Names of all objects older than a day."""
        before = datetime.now(UTC) - STRAY_AFTER
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                yield from (one["Key"] for one in page.get("Contents", ()) if one["LastModified"] < before)

    def _put(self, name: str, data: bytes) -> None:
        # Never over another: two stores may share a prefix by mistake.
        self._client.put_object(Bucket=self._bucket, Key=name, Body=data, IfNoneMatch="*")

    def _get(self, blob: Blob) -> bytes:
        with self._errors():
            data = bytes(self._client.get_object(Bucket=self._bucket, Key=blob.name)["Body"].read())
        if hashlib.sha256(data).digest() != blob.sha256:
            raise StoreError(f"An object of the bucket {self._bucket} was changed: restore a copy.")
        return data

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"The bucket {self._bucket} cannot be used ({error}): try again.") from error
