//! The floors: the work of the Python clients, without Python, on one thread.
//!
//! The arguments are the floor's name and those of a client, `mode task url n concurrency size folder`. It measures from
//! the start of the requests to the last body, and prints the same line of JSON. `SHOAL_BENCH_CA` is the authority to
//! trust.
#![allow(clippy::print_stdout, reason = "prints its result")]

mod hyper;
mod measure;
mod raw;
mod reqwest;

use std::env;
use std::sync::Arc;

use measure::{Clock, Result, Work};

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let floor = args.next().ok_or("expected: floor mode task url n concurrency size folder")?;
    let work = Arc::new(Work::from_args(args)?);
    // rustls is built without a default provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let bodies = match floor.as_str() {
            "hyper" => hyper::run(&work).await?,
            "reqwest" => reqwest::run(&work).await?,
            "raw" => raw::run(&work).await?,
            _ => return Err(format!("there is no floor {floor:?}").into()),
        };
        println!("{}", bodies.into_json());
        Ok(())
    })
}

/// Lets `concurrency` workers take the next URL until none is left.
async fn share<F>(work: &Arc<Work>, worker: impl Fn(Arc<Work>) -> F) -> Result<measure::Measured>
where
    F: Future<Output = Result<Vec<(usize, measure::Body)>>> + Send + 'static,
{
    let clock = Clock::start()?;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..work.concurrency {
        workers.spawn(worker(Arc::clone(work)));
    }
    let mut bodies = vec![measure::Body::default(); work.urls.len()];
    while let Some(done) = workers.join_next().await {
        for (index, body) in done?? {
            if let Some(slot) = bodies.get_mut(index) {
                *slot = body;
            }
        }
    }
    clock.stop(bodies)
}
