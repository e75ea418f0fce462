//! JSON lines on stdout.

use crate::exit::Problem;
use serde::Serialize;
use std::io::{BufWriter, Error, ErrorKind, StdoutLock, Write};

/// What a program reads of us. Lines are gathered; [`Lines::flush`] lets them go.
pub(crate) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(std::io::stdout().lock()))
    }

    /// One object in one line, with those that come soon.
    pub(crate) fn gather(&mut self, object: &impl Serialize) -> Result<(), Problem> {
        serde_json::to_writer(&mut self.0, object).map_err(Error::from).map_err(unheard)?;
        self.0.write_all(b"\n").map_err(unheard)
    }

    /// One object in one line, now.
    pub(crate) fn say(&mut self, object: &impl Serialize) -> Result<(), Problem> {
        self.gather(object)?;
        self.flush()
    }

    /// Text that is no JSON.
    pub(crate) fn text(&mut self, text: &[u8]) -> Result<(), Problem> {
        self.0.write_all(text).map_err(unheard)?;
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> Result<(), Problem> {
        self.0.flush().map_err(unheard)
    }
}

fn unheard(error: Error) -> Problem {
    if error.kind() == ErrorKind::BrokenPipe { Problem::Unheard } else { Problem::file("stdout", &error) }
}
