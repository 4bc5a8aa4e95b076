//! The work, the clock around it, and the line of JSON at the end; `clients/common.py` in Rust.

use std::error::Error;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::Crc;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub(crate) type Body = Vec<u8>;

/// The requests of one run.
pub(crate) struct Work {
    pub(crate) urls: Vec<String>,
    pub(crate) concurrency: usize,
    size: usize,
    next: AtomicUsize,
}

impl Work {
    /// From `mode task url n concurrency size folder`.
    pub(crate) fn from_args(args: impl Iterator<Item = String>) -> Result<Self> {
        let [_mode, _task, url, n, concurrency, size, _folder] = <[String; 7]>::try_from(args.collect::<Vec<_>>())
            .map_err(|_| "expected: floor mode task url n concurrency size folder")?;
        let urls = (0..n.parse::<usize>()?).map(|index| url.replace("{i}", &index.to_string())).collect();
        let (concurrency, size) = (concurrency.parse()?, size.parse()?);
        Ok(Self { urls, concurrency, size, next: AtomicUsize::new(0) })
    }

    /// The next URL.
    pub(crate) fn take(&self) -> Option<(usize, &str)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        self.urls.get(index).map(|url| (index, url.as_str()))
    }

    /// Fails for a response that is not 200 or not complete, because a fast error must not win.
    pub(crate) fn check(&self, status: u16, body: &[u8]) -> Result<()> {
        if status == 200 && body.len() == self.size {
            return Ok(());
        }
        Err(format!("status {status} and {} bytes instead of {}", body.len(), self.size).into())
    }
}

/// Measures from the start of the requests to the last body.
pub(crate) struct Clock {
    cpu: Duration,
    wall: Instant,
    rss: u64,
}

impl Clock {
    /// Starts to measure time and memory.
    pub(crate) fn start() -> Result<Self> {
        // Resets the high-water mark to the memory in use.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self { rss: memory("VmRSS:")?, cpu: cpu_time()?, wall: Instant::now() })
    }

    /// Stops when the last body was received.
    pub(crate) fn stop(self, bodies: Vec<Body>) -> Result<Measured> {
        let (cpu, wall) = (cpu_time()?.saturating_sub(self.cpu), self.wall.elapsed());
        let peak_rss = memory("VmHWM:")?;
        Ok(Measured { bodies, cpu, wall, peak_rss, growth: peak_rss.saturating_sub(self.rss) })
    }
}

/// The measurement of one run.
pub(crate) struct Measured {
    bodies: Vec<Body>,
    cpu: Duration,
    wall: Duration,
    peak_rss: u64,
    growth: u64,
}

impl Measured {
    /// The line of JSON that every client prints.
    pub(crate) fn into_json(self) -> String {
        let mut crc = Crc::new();
        self.bodies.iter().for_each(|body| crc.update(body));
        format!(
            r#"{{"cpu": {}, "wall": {}, "peak_rss": {}, "growth": {}, "count": {}, "checksum": {}}}"#,
            self.cpu.as_secs_f64(),
            self.wall.as_secs_f64(),
            self.peak_rss,
            self.growth,
            self.bodies.len(),
            crc.sum(),
        )
    }
}

/// User and system time of this process.
fn cpu_time() -> Result<Duration> {
    // SAFETY: `rusage` consists of integers, for which all-zero bits are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a local `rusage` and outlives the call, which only writes to it.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let micros = [usage.ru_utime, usage.ru_stime].map(|time| time.tv_sec as i128 * 1_000_000 + time.tv_usec as i128);
    Ok(Duration::from_micros(u64::try_from(micros.iter().sum::<i128>())?))
}

/// A line of /proc/self/status, in bytes.
fn memory(what: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).ok_or("/proc/self/status has no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
