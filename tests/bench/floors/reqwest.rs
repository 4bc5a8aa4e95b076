//! reqwest: one client, and a worker per request in flight.

use std::sync::Arc;

use crate::measure::{Body, Measured, Result, Work};

pub(crate) async fn run(work: &Arc<Work>) -> Result<Measured> {
    let client = reqwest::Client::builder().build()?;
    crate::share(work, move |work| fetch(client.clone(), work)).await
}

async fn fetch(client: reqwest::Client, work: Arc<Work>) -> Result<Vec<(usize, Body)>> {
    let mut bodies = Vec::new();
    while let Some((index, url)) = work.take() {
        let response = client.get(url).send().await?;
        let status = response.status().as_u16();
        // Copied, because a small body is a slice of the connection's read buffer and would keep it alive.
        let body = response.bytes().await?.to_vec();
        work.check(status, &body)?;
        bodies.push((index, body));
    }
    Ok(bodies)
}
