"""A certificate of our own for servers on loopback."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.often import IN_CI


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make one that signs itself; return its file and that of its key.

    A machine without openssl leaves the test out, and says so; in CI it fails.
    """
    if not IN_CI and shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (apt-get install openssl)")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key
