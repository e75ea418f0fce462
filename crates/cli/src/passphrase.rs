//! Where passphrases come from: a file, the environment, or a person at the terminal. Never the command line, which others on this computer can read.

use crate::exit::{Exit, Problem};
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// A passphrase; it is wiped when dropped.
pub(crate) type Text = Zeroizing<String>;

/// Longer first lines are not read.
const MAX_BYTES: u64 = 64 << 10;

/// Where one passphrase may come from, in this order.
pub(crate) struct Sources<'a> {
    /// Its first line.
    pub(crate) file: Option<&'a Path>,
    /// The name of a variable of the environment.
    pub(crate) variable: &'static str,
    /// What a person is asked.
    pub(crate) question: &'static str,
}

impl Sources<'_> {
    /// What a file or the environment says, without asking anybody.
    pub(crate) fn given(&self) -> Result<Option<Text>, Problem> {
        if let Some(path) = self.file {
            return first_line(path).map(Some);
        }
        match std::env::var(self.variable) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(_) => Err(Problem::usage(format!("${} is not text", self.variable))),
        }
    }

    /// What was given, or what a person types.
    pub(crate) fn get(&self) -> Result<Text, Problem> {
        match self.given()? {
            Some(text) => Ok(text),
            None => self.ask(self.question),
        }
    }

    /// The same for a new one: a person types it twice.
    pub(crate) fn get_new(&self) -> Result<Text, Problem> {
        if let Some(text) = self.given()? {
            return Ok(text);
        }
        let text = self.ask(self.question)?;
        if self.ask("The same again: ")? == text { Ok(text) } else { Err(Problem::usage("the two are not the same")) }
    }

    fn ask(&self, question: &str) -> Result<Text, Problem> {
        if !std::io::stderr().is_terminal() {
            let message = format!("a passphrase is needed: in a file, in ${}, or typed at a terminal", self.variable);
            return Err(Problem::Here("cli.no-passphrase", message, Exit::Keys));
        }
        let typed = rpassword::prompt_password(question).map_err(|error| Problem::file("the terminal", &error))?;
        Ok(Zeroizing::new(typed))
    }
}

fn first_line(path: &Path) -> Result<Text, Problem> {
    let failed = |error: &std::io::Error| Problem::file(path.display(), error);
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(MAX_BYTES)).read_line(&mut line).map_err(|error| failed(&error))?;
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(line)
}
