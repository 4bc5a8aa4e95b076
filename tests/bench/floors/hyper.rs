//! hyper without a client: `hyper::client::conn::http1`, one connection per worker, over TCP or TLS.

use std::env;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::measure::{Body, Measured, Result, Work};

pub(crate) async fn run(work: &Arc<Work>) -> Result<Measured> {
    let uri: Uri = work.urls.first().ok_or("no URLs")?.parse()?;
    let tls = if uri.scheme_str() == Some("https") { Some(connector()?) } else { None };
    crate::share(work, move |work| fetch(work, uri.clone(), tls.clone())).await
}

fn connector() -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(env::var("SHOAL_BENCH_CA")?)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn fetch(work: Arc<Work>, uri: Uri, tls: Option<TlsConnector>) -> Result<Vec<(usize, Body)>> {
    let authority = uri.authority().ok_or("no authority")?.as_str();
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let mut sender = match tls {
        Some(tls) => {
            let name = ServerName::try_from(uri.host().unwrap_or_default().to_owned())?;
            connection(tls.connect(name, stream).await?).await?
        }
        None => connection(stream).await?,
    };
    let mut bodies = Vec::new();
    while let Some((index, url)) = work.take() {
        let url: Uri = url.parse()?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).header(HOST, authority).body(Empty::new())?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let mut incoming = response.into_body();
        let mut body = Vec::with_capacity(usize::try_from(incoming.size_hint().lower())?);
        while let Some(frame) = incoming.frame().await {
            if let Ok(data) = frame?.into_data() {
                body.extend_from_slice(&data);
            }
        }
        work.check(status, &body)?;
        bodies.push((index, body));
    }
    Ok(bodies)
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<SendRequest<Empty<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
