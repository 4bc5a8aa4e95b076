//! The floor: the same work as the Python clients do, with reqwest alone on one thread.
//!
//! Called like them with `base_url n concurrency mode`; measures from "client made" to "last body in hand" and prints
//! the same line of JSON.
#![allow(clippy::print_stdout, reason = "printing the result is what this program is for")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, mem};

use flate2::Crc;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

type Body = Box<[u8]>;

const LENGTH: usize = 111;

fn main() -> Result<()> {
    let [base, n, concurrency, _mode] = <[String; 4]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "expected: base_url n concurrency mode")?;
    let (n, concurrency) = (n.parse()?, concurrency.parse()?);
    let urls = Arc::new((0..n).map(|i| format!("{base}/json/{LENGTH}?i={i}")).collect::<Vec<_>>());
    // The crate's reqwest leaves the choice of a TLS provider to the program; nothing here speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(urls, concurrency))
}

async fn run(urls: Arc<Vec<String>>, concurrency: usize) -> Result<()> {
    let client = reqwest::Client::builder().build()?;
    let (cpu, wall) = (cpu_time()?, Instant::now());

    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..concurrency {
        workers.spawn(work(client.clone(), Arc::clone(&urls), Arc::clone(&next)));
    }
    let mut bodies = vec![Body::default(); urls.len()];
    while let Some(worker) = workers.join_next().await {
        for (index, body) in worker?? {
            if let Some(slot) = bodies.get_mut(index) {
                *slot = body;
            }
        }
    }

    let (cpu, wall) = (cpu_time()?.saturating_sub(cpu), wall.elapsed());
    let peak_rss = peak_rss()?;
    let mut crc = Crc::new();
    bodies.iter().for_each(|body| crc.update(body));
    println!(
        r#"{{"cpu": {}, "wall": {}, "peak_rss": {peak_rss}, "count": {}, "checksum": {}, "versions": {{}}, "python": null}}"#,
        cpu.as_secs_f64(),
        wall.as_secs_f64(),
        bodies.len(),
        crc.sum(),
    );
    Ok(())
}

/// Takes the next URL until none is left.
async fn work(client: reqwest::Client, urls: Arc<Vec<String>>, next: Arc<AtomicUsize>) -> Result<Vec<(usize, Body)>> {
    let mut bodies = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(url) = urls.get(index) else {
            return Ok(bodies);
        };
        let body = client.get(url).send().await?.error_for_status()?.bytes().await?;
        if body.len() != LENGTH {
            return Err(format!("{url}: {} bytes instead of {LENGTH}", body.len()).into());
        }
        // A copy: the original is a slice of the connection's read buffer and would keep all of it.
        bodies.push((index, Body::from(&*body)));
    }
}

/// User and system time of this process.
fn cpu_time() -> Result<Duration> {
    // SAFETY: `rusage` is plain integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: `usage` is valid for writing for the whole call.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let micros = [usage.ru_utime, usage.ru_stime].map(|time| time.tv_sec as i128 * 1_000_000 + time.tv_usec as i128);
    Ok(Duration::from_micros(u64::try_from(micros.iter().sum::<i128>())?))
}

/// The most memory this process had, in bytes.
fn peak_rss() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
