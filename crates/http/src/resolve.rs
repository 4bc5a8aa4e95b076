//! Resolves host names, for either transport: through the system's resolver, on threads of the runtime's.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::causes::Unresolved;
use super::descriptors;
use shoal_runtime::lookup;

/// The system's resolver, with failures that can be told from others.
#[derive(Clone, Copy)]
pub struct Resolver;

impl Resolver {
    async fn resolve(host: String) -> Result<IntoIter<SocketAddr>, Unresolved> {
        match lookup(&host).await {
            Ok(addresses) => Ok(addresses.into_iter()),
            // What the system's resolver lacks it does not tell.
            Err(error) => Err(Unresolved(descriptors::are_short().unwrap_or(error))),
        }
    }
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(Self::resolve(name.as_str().to_owned()))
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let addresses: reqwest::dns::Addrs = Box::new(Self::resolve(host).await?);
            Ok(addresses)
        })
    }
}
