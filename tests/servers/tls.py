"""Certificates for the tests: one authority, one valid certificate, and several invalid ones."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from trustme import LeafCert


class Certificates:
    """Server contexts with different certificates, made once because generating keys is slow."""

    def __init__(self) -> None:
        self.authority = trustme.CA()

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the authority that clients trust."""
        return self.authority.cert_pem.bytes()

    @cached_property
    def good(self) -> ssl.SSLContext:
        """Valid for 127.0.0.1 and localhost."""
        return self._context(self.authority.issue_cert("127.0.0.1", "localhost"))

    @cached_property
    def http2(self) -> ssl.SSLContext:
        """The certificate of `good`, on a server that speaks only HTTP/2."""
        context = self._context(self.authority.issue_cert("127.0.0.1", "localhost"))
        context.set_alpn_protocols(["h2"])
        return context

    @cached_property
    def wrong_host(self) -> ssl.SSLContext:
        """Valid for another host only."""
        return self._context(self.authority.issue_cert("elsewhere.example"))

    @cached_property
    def expired(self) -> ssl.SSLContext:
        """Expired yesterday."""
        yesterday = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)
        return self._context(
            self.authority.issue_cert(
                "127.0.0.1", "localhost", not_before=yesterday - dt.timedelta(days=1), not_after=yesterday
            )
        )

    @cached_property
    def unknown_authority(self) -> ssl.SSLContext:
        """Valid, but signed by an authority that clients do not trust."""
        return self._context(trustme.CA().issue_cert("127.0.0.1", "localhost"))

    @cached_property
    def self_signed(self) -> ssl.SSLContext:
        """Self-signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = dt.datetime.now(dt.timezone.utc)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _load(private + certificate.public_bytes(serialization.Encoding.PEM))

    @staticmethod
    def _context(leaf: LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return context


def _load(pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context
