//! Why the reader stopped.

/// An error of [`Reader`](crate::Reader). The content is boxed, so that a `Result` with a small value stays in
/// registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// The text is not JSON.
    Syntax(Box<SyntaxError>),
    /// The [`Interrupt`](crate::Interrupt) was set.
    Interrupted,
}

/// What is wrong with a text and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// In the words of Python's `json.JSONDecodeError`.
    pub message: &'static str,
    /// The offset in bytes.
    pub position: usize,
}

impl JsonError {
    #[cold]
    #[inline(never)]
    pub(crate) fn syntax(message: &'static str, position: usize) -> Self {
        Self::Syntax(Box::new(SyntaxError { message, position }))
    }
}
