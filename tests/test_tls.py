"""The option `verify`: True, False, a file, bytes; and the usual kinds of invalid certificates."""

from __future__ import annotations

import functools
import os

import pytest

pytest.importorskip("trustme")

import shoal
from servers.origin import Origin
from servers.scripted import CLOSE, HANG, RESET, Scripted, Sleep
from servers.tls import Certificates

pytestmark = pytest.mark.usefixtures("transport")

BAD = ["wrong_host", "expired", "unknown_authority", "self_signed"]


@pytest.fixture(autouse=True)
def _http1(transport, monkeypatch):
    """The http1 transport needs an origin known to speak HTTP/1.1: with http2=False it is from the first request on."""
    if transport == "http1":
        monkeypatch.setattr(shoal, "Client", functools.partial(shoal.Client, http2=False))


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


@pytest.fixture(scope="module")
def secure(certificates):
    with Origin(tls=certificates.good) as secure:
        yield secure


def fetch(url, **options):
    with shoal.Client(**options) as client:
        return client.get(url).result()


def test_verify_with_bytes(certificates, secure):
    assert fetch(secure.url, verify=certificates.ca_pem).content == b"here"


@pytest.mark.parametrize("kind", [str, os.fspath, lambda path: path], ids=["str", "fspath", "Path"])
def test_verify_with_a_file(certificates, secure, tmp_path, kind):
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    assert fetch(secure.url, verify=kind(path)).content == b"here"


def test_verify_with_a_bundle(certificates, secure):
    bundle = Certificates().ca_pem + b"# ours\n" + certificates.ca_pem
    assert fetch(secure.url, verify=bundle).content == b"here"


def test_a_certificate_may_name_a_host_or_an_address(certificates, secure):
    url = secure.url.replace("127.0.0.1", "localhost")
    assert fetch(url, verify=certificates.ca_pem).content == b"here"


@pytest.mark.parametrize("options", [{}, {"verify": True}], ids=["default", "True"])
def test_an_authority_unknown_to_the_system_is_refused(secure, options):
    with pytest.raises(shoal.TLSError):
        fetch(secure.url, **options)


def test_ssl_cert_file_adds_an_authority(certificates, secure, tmp_path, python):
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    environment = {**os.environ, "SSL_CERT_FILE": str(path)}
    done = python(
        "import sys, shoal; print(shoal.Client().get(sys.argv[1]).result().text)", secure.url, env=environment
    )
    assert (done.stdout, done.stderr) == ("here\n", "")


@pytest.mark.parametrize("name", BAD)
def test_invalid_certificates_are_refused(certificates, name):
    with Origin(tls=getattr(certificates, name)) as bad, pytest.raises(shoal.TLSError) as caught:
        fetch(f"{bad.url}/path", verify=certificates.ca_pem)
    error = caught.value
    assert error.phase == "connect"
    assert isinstance(error, ConnectionError)
    assert f"GET {bad.url}/path" in str(error)
    assert "certificate" in str(error).lower()
    assert bad.requests == []


@pytest.mark.parametrize("name", ["good", *BAD])
def test_verify_false_accepts_any_certificate(certificates, name):
    with Origin(tls=getattr(certificates, name)) as any_server:
        assert fetch(any_server.url, verify=False).content == b"here"


def test_clients_do_not_share_trust(certificates, secure):
    assert fetch(secure.url, verify=False).content == b"here"
    with pytest.raises(shoal.TLSError):
        fetch(secure.url)
    with pytest.raises(shoal.TLSError):
        fetch(secure.url, verify=Certificates().ca_pem)


def test_invalid_certificates_in_a_batch(certificates, secure):
    with Origin(tls=certificates.expired) as expired, shoal.Client(verify=certificates.ca_pem) as client:
        urls = [secure.url, expired.url, secure.url]
        first, bad, last = client.gather(urls, return_exceptions=True).result()
    assert (first.content, last.content) == (b"here", b"here")
    assert isinstance(bad, shoal.TLSError)
    assert bad.index == 1


def test_an_invalid_certificate_is_not_retried(certificates):
    client = shoal.Client(verify=certificates.ca_pem)
    with Origin(tls=certificates.expired) as expired, pytest.raises(shoal.TLSError) as caught:
        client.gather([expired.url], retry=3).result()
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("pem", "kind"),
    [(b"", ValueError), (b"no certificate at all", ValueError), (b"-----BEGIN CERTIFICATE-----\nAAAA\n", ValueError)],
    ids=["empty", "text", "cut"],
)
def test_invalid_pem_is_refused_at_once(pem, kind):
    with pytest.raises(kind, match="verify"):
        shoal.Client(verify=pem)


def test_a_missing_file_is_refused_at_once(tmp_path):
    with pytest.raises((OSError, ValueError), match=r"nothing\.pem"):
        shoal.Client(verify=tmp_path / "nothing.pem")


def test_verify_of_another_type_is_a_type_error():
    with pytest.raises(TypeError, match="verify"):
        shoal.Client(verify=3.5)


def test_plain_http_in_place_of_tls_is_a_tls_error(certificates):
    says = [Sleep(0.05), b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", HANG]
    with Scripted(says) as plain, pytest.raises(shoal.TLSError) as caught:
        fetch(plain.url.replace("http://", "https://"), verify=certificates.ca_pem)
    assert caught.value.phase == "connect"


@pytest.mark.parametrize("step", [CLOSE, RESET], ids=["closed", "reset"])
def test_a_connection_lost_during_the_handshake_is_a_connect_error(step):
    with Scripted([step]) as gone, pytest.raises(shoal.ConnectError) as caught:
        fetch(gone.url.replace("http://", "https://"))
    assert caught.value.phase == "connect"


def test_a_silent_handshake_is_a_connect_timeout():
    with Scripted([HANG]) as silent:
        with pytest.raises(shoal.ConnectTimeout) as caught:
            fetch(silent.url.replace("http://", "https://"), timeout=shoal.Timeout(connect=0.2))
        assert caught.value.phase == "connect"
        assert silent.wait_all_closed()


def test_http_version_and_reuse(certificates, secure):
    with Origin(tls=certificates.good) as origin, shoal.Client(verify=certificates.ca_pem) as client:
        versions = {client.get(origin.url).result().http_version for _ in range(3)}
        assert versions == {"HTTP/1.1"}
        assert len(origin.connections) == 1
