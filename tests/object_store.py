"""A real object store of this machine's own, reached as any other: by variables of the environment."""

import os
from urllib.request import Request, urlopen

import pytest
import s3fs
from moto.server import ThreadedMotoServer

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hidden-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_CONFIG_FILE": "/dev/null",
}


class ObjectStore:
    """A bucket named `bucket`; what is in it outlives a stop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        self.start()
        self.files.mkdir("bucket")

    def start(self) -> None:
        """Answer, on a port that nobody has."""
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3fs.S3FileSystem.clear_instance_cache()

    def stop(self) -> None:
        """Answer no more."""
        self.server.stop()

    @property
    def files(self) -> s3fs.S3FileSystem:
        """What is in it, as it is now."""
        return s3fs.S3FileSystem(use_listings_cache=False)

    def end(self) -> None:
        """Take all away."""
        self.stop()
        self.start()
        asked = Request(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST")
        urlopen(asked, timeout=10).close()
        self.stop()
        s3fs.S3FileSystem.clear_instance_cache()
