//! `ashore` as a test starts it: in a folder of its own, with an environment that holds nothing else.

use crate::folder::Folder;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A program that goes on for longer hangs: it is ended, so that its test fails instead of everything waiting for it.
const LONGEST: Duration = Duration::from_secs(300);

pub(crate) struct Tool {
    folder: Folder,
    variables: Vec<(String, String)>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Every line of stdout is JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// It went well, and said these lines.
    pub(crate) fn ok(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.lines()
    }

    /// It ended with this number and said this code.
    pub(crate) fn failed(&self, exit: i32, code: &str) {
        assert_eq!(self.code, Some(exit), "{self:?}");
        assert!(self.stderr.contains(&format!("ashore: {code}: ")), "{self:?}");
    }
}

impl Tool {
    pub(crate) fn new() -> Self {
        Self { folder: Folder::fresh(), variables: vec![] }
    }

    /// The same with a variable in its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// With a plain database in it.
    pub(crate) fn initialised() -> Self {
        let tool = Self::new();
        tool.run(&["init"]).ok();
        tool
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Any program, with `ashore` on its path.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let built = PathBuf::from(env!("CARGO_BIN_EXE_ashore"));
        let path = format!("{}:{}", built.parent().unwrap().display(), std::env::var("PATH").unwrap());
        command.env_clear().env("PATH", path).env("ASHORE_DIR", self.folder.path(""));
        command.envs(self.variables.iter().cloned()).current_dir(self.folder.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn ashore(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_ashore"));
        command.args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        done(self.ashore(args).spawn().unwrap())
    }

    /// The same, with this on its stdin.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Done {
        let mut child = self.ashore(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // It may end before it has read everything.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let done = done(child);
        writer.join().unwrap();
        done
    }

    /// One that goes on, and is listened to meanwhile.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self.ashore(args).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let watched = watch(&child);
        Running { child, lines: Some(lines), _watched: watched }
    }
}

pub(crate) fn done(child: Child) -> Done {
    let _watched = watch(&child);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Ends the program if it is still there after the longest time; nothing of that once what is answered is dropped.
fn watch(child: &Child) -> Sender<()> {
    let (watched, ended) = channel::<()>();
    let id = child.id().to_string();
    std::thread::spawn(move || {
        if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    watched
}

/// A program that runs; it ends with the test.
pub(crate) struct Running {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
    _watched: Sender<()>,
}

impl Running {
    /// The next line; panics with what it said when it has ended.
    pub(crate) fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.as_mut().unwrap().read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut stderr = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("it has ended: {stderr}");
        }
        serde_json::from_str(&line).unwrap()
    }

    /// Nobody reads its stdout any more.
    pub(crate) fn deafen(&mut self) {
        self.lines = None;
    }

    /// As a person who presses Ctrl-C.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    pub(crate) fn end(mut self) -> Done {
        let mut stdout = String::new();
        if let Some(mut lines) = self.lines.take() {
            lines.read_to_string(&mut stdout).unwrap();
        }
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code();
        Done { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
