//! TLS configurations: rustls with ring, and the certificates to trust.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

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
pub(super) fn config(verify: &Verify) -> Result<ClientConfig, String> {
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
