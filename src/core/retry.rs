//! When to try again, and how long to wait before: urllib3's names and meaning.

/// See `shoal.Retry`.
#[derive(Clone, Debug)]
pub struct Retry {
    /// How many more attempts than the first.
    pub total: u32,
}

impl Retry {
    /// Never.
    pub fn none() -> Self {
        Self { total: 0 }
    }
}
