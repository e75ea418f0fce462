//! Why a task stopped: one line for the person who ran it, with what to do next where we know it.

/// What every task ends with.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// A sentence to print before the process ends with 1.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// Fails with every line of `problems`, or succeeds when there is none.
    pub(crate) fn unless_empty(what: &str, problems: &[String]) -> Outcome {
        if problems.is_empty() {
            return Ok(());
        }
        Err(Self(format!("{what}:\n  {}", problems.join("\n  "))))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
