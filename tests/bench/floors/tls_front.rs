//! TLS in front of the benchmark's server: `tls_front CERTIFICATE KEY HOST:PORT` prints its URL and relays until it is
//! killed. Its cost is on the server's side and does not count: the benchmark compares the clients' CPU time.
#![allow(clippy::print_stdout, reason = "prints its URL")]

use std::env;
use std::error::Error;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const BUFFER: usize = 64 * 1024;
const BACKLOG: u32 = 4096;

fn main() -> Result<()> {
    let [certificate, key, target] = <[String; 3]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "expected: certificate key host:port")?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(acceptor, target.into()))
}

async fn serve(acceptor: TlsAcceptor, target: Arc<str>) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("https://{}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        let (acceptor, target) = (acceptor.clone(), Arc::clone(&target));
        // An error of one client does not affect the others.
        tokio::spawn(async move { relay(acceptor, client, &target).await.ok() });
    }
}

async fn relay(acceptor: TlsAcceptor, client: TcpStream, target: &str) -> Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await?;
    Ok(())
}
