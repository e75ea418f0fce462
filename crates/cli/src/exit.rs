//! What went wrong, as a sentence with a stable code on stderr and as an exit code that says of what kind it is.

use ashore_native::{ErrorCode, Failure};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// How the program ends. The numbers are promised in docs/cli.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    NothingThere = 1,
    NotUnderstood = 2,
    Storage = 3,
    Keys = 4,
    Sync = 5,
    Group = 6,
    Unhealthy = 7,
    File = 8,
    Fault = 9,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// What the engine says.
    Failed(Failure),
    /// What this program says: a code, a sentence and how it ends.
    Here(&'static str, String, Exit),
    /// Nobody reads stdout any more.
    Unheard,
}

impl Problem {
    /// What was typed or given cannot be understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Here("cli.usage", message.into(), Exit::NotUnderstood)
    }

    /// There is no database of that name.
    pub(crate) fn no_database(path: &Path) -> Self {
        let message = format!("there is no database at {}; make one with `ashore init`", path.display());
        Self::Here("cli.no-database", message, Exit::Storage)
    }

    /// A file, or stdin or stdout, could not be read or written.
    pub(crate) fn file(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::Here("cli.file", format!("{what}: {error}"), Exit::File)
    }

    /// This computer does not let us.
    pub(crate) fn cannot(what: &str, error: &std::io::Error) -> Self {
        Self::Here("cli.cannot", format!("cannot {what}: {error}"), Exit::Fault)
    }

    /// The engine answered something else than what was asked for.
    pub(crate) fn wrong_reply() -> Self {
        Self::Failed(Failure::new(ErrorCode::Internal, "the answer was of another kind"))
    }

    /// The code that it is known by.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.code.as_str(),
            Self::Here(code, ..) => code,
            Self::Unheard => "cli.unheard",
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Failed(failure) => exit_of(failure.code),
            Self::Here(_, _, exit) => *exit,
            // `ashore list | head` has what it wanted.
            Self::Unheard => Exit::Done,
        }
    }

    /// Prints it for people.
    pub(crate) fn tell(&self) {
        let code = self.code();
        match self {
            Self::Failed(failure) => {
                let about = match (&failure.collection, &failure.id) {
                    (Some(collection), Some(id)) => format!(" ({collection}/{id})"),
                    _ => String::new(),
                };
                note(format_args!("ashore: {code}: {}{about}", failure.message));
            }
            Self::Here(_, message, _) => note(format_args!("ashore: {code}: {message}")),
            Self::Unheard => {}
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A line on stderr; that nobody reads it is no reason to break.
pub(crate) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How each family of the engine's codes ends the program: what stands before the dot, and the few whole codes that go before their family.
const FAMILIES: [(&str, Exit); 25] = [
    ("request.timed-out", Exit::Sync),
    ("document", Exit::NotUnderstood),
    ("text", Exit::NotUnderstood),
    ("query", Exit::NotUnderstood),
    ("update", Exit::NotUnderstood),
    ("index", Exit::NotUnderstood),
    ("collection", Exit::NotUnderstood),
    ("transaction", Exit::NotUnderstood),
    ("request", Exit::NotUnderstood),
    ("store", Exit::Storage),
    ("database", Exit::Storage),
    ("host", Exit::Storage),
    ("key", Exit::Keys),
    ("sync", Exit::Sync),
    ("relay", Exit::Sync),
    ("group", Exit::Group),
    ("invite", Exit::Group),
    ("ticket", Exit::Group),
    ("join-request", Exit::Group),
    ("recovery", Exit::Group),
    ("entry", Exit::Group),
    ("permission", Exit::Group),
    ("export", Exit::File),
    ("import", Exit::File),
    ("internal", Exit::Fault),
];

fn exit_of(code: ErrorCode) -> Exit {
    let code = code.as_str();
    let fits = |name: &str| code == name || code.split('.').next() == Some(name);
    FAMILIES.iter().find(|(name, _)| fits(name)).map_or(Exit::Fault, |(_, exit)| *exit)
}

/// Help and version go to stdout; everything else is a mistake in the command line.
pub(crate) fn of_parsing(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        note(format_args!("ashore: cli.usage: {}", text.trim_start_matches("error: ").trim_end()));
        return Exit::NotUnderstood.into();
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Done.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Exit, FAMILIES, exit_of};
    use ashore_native::ErrorCode;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_of_the_engine_has_a_family_and_every_family_has_codes() {
        let families: BTreeSet<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
        let known: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        let roots: BTreeSet<&str> = known.iter().map(|code| code.split('.').next().unwrap()).collect();
        assert_eq!(roots.difference(&families).collect::<Vec<_>>(), Vec::<&&str>::new());
        let invented: Vec<_> =
            families.iter().filter(|name| !roots.contains(*name) && !known.contains(*name)).collect();
        assert_eq!(invented, Vec::<&&str>::new());
        assert_eq!(exit_of(ErrorCode::RequestTimedOut), Exit::Sync);
        assert_eq!(exit_of(ErrorCode::RequestInvalid), Exit::NotUnderstood);
    }

    #[test]
    fn the_page_has_the_same_table() {
        let page = include_str!("../../../docs/cli.md");
        for (name, exit) in FAMILIES {
            let row = format!("| {} |", exit as u8);
            let written =
                if name.contains('.') || name == "internal" { format!("`{name}`") } else { format!("`{name}.*`") };
            let fits = |line: &&str| line.starts_with(&row) && line.contains(&written);
            assert_eq!(page.lines().filter(fits).count(), 1, "{name} under {}", exit as u8);
        }
    }
}
