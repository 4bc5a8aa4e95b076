//! How connections are made, with either connector: trust (rustls with ring), protocol, time to live.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use shoal_runtime::fork::PerProcess;

/// An idle connection is closed after this time: before the 60 to 75 s of common servers, so that a request rarely meets a
/// connection that its server is closing.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Interval of TCP keepalive probes (reqwest's default), which detect a peer that vanished.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(15);

/// Makes a TLS configuration when the first connection needs it.
pub(crate) type TlsConfigSource = Arc<dyn Fn() -> Result<ClientConfig, String> + Send + Sync>;

/// How the connections of a client are made.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// The certificates to trust.
    pub verify: Verify,
    /// Use the proxies of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub trust_env: bool,
    /// Offer HTTP/2 over TLS.
    pub http2: bool,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self { verify: Verify::System, trust_env: true, http2: true }
    }
}

impl ConnectionOptions {
    /// The TLS configuration, without ALPN.
    ///
    /// Reading the system's certificates takes 10 ms, so all clients of the process share that configuration and the
    /// sessions it can resume. A thread may hold the lock of those while the process forks, so a child reads them again.
    pub(crate) fn tls(&self) -> Result<ClientConfig, String> {
        static SYSTEM: PerProcess<ClientConfig> = PerProcess::new();
        match &self.verify {
            Verify::System => SYSTEM.get_or_try_init(|| config(&Verify::System)).cloned(),
            named => config(named),
        }
    }
}

/// The certificates to trust.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verify {
    /// The system's.
    #[default]
    System,
    /// Any certificate: no verification.
    Nothing,
    /// Only those of this PEM file.
    File(PathBuf),
    /// Only those of this PEM text.
    Pem(Vec<u8>),
}

/// The configuration that trusts `verify`. ALPN is set by the connectors.
fn config(verify: &Verify) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match verify {
        Verify::System => {
            let verifier = Verifier::new(provider)
                .map_err(|error| format!("the system's certificates could not be loaded: {error}"))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
        Verify::Nothing => {
            let verifier = Arc::new(TrustAnything(provider));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        }
        Verify::File(path) => {
            let pem = std::fs::read(path).map_err(|error| format!("verify={path:?} can't be read: {error}"))?;
            let roots = roots(&pem).map_err(|error| format!("verify={path:?}: {error}"))?;
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Verify::Pem(pem) => {
            let roots = roots(pem).map_err(|error| format!("verify=<{} bytes>: {error}", pem.len()))?;
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    Ok(config)
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("not PEM: {error}"))?;
        store.add(certificate).map_err(|error| format!("not a usable certificate: {error}"))?;
    }
    if store.is_empty() {
        return Err("no certificate found (PEM expected)".to_owned());
    }
    Ok(store)
}

/// For `verify=False`: encrypts, and accepts any certificate.
#[derive(Debug)]
struct TrustAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
