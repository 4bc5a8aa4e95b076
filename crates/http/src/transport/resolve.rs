//! The name resolver of both connectors: the system's, on threads of the runtime.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::classify::Unresolved;
use crate::descriptors;
use shoal_runtime::lookup;

/// The system's resolver, with an error type of its own.
#[derive(Clone, Copy)]
pub(crate) struct Resolver;

impl Resolver {
    async fn addresses(host: String) -> Result<IntoIter<SocketAddr>, Unresolved> {
        match lookup(&host).await {
            Ok(addresses) => Ok(addresses.into_iter()),
            // The system's resolver reports a shortage of descriptors as an unknown name.
            Err(error) => Err(Unresolved(descriptors::shortage().unwrap_or(error))),
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
        Box::pin(Self::addresses(name.as_str().to_owned()))
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let addresses: reqwest::dns::Addrs = Box::new(Self::addresses(host).await?);
            Ok(addresses)
        })
    }
}
