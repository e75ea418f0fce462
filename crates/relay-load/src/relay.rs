//! The relay's process.

use crate::Device;
use ashore_protocol::SigningKey;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A relay that runs until it is stopped, killed or dropped.
#[derive(Debug)]
pub struct Relay {
    child: Child,
    /// Its host and port.
    pub host: String,
    /// The file that its log goes to.
    pub log: PathBuf,
}

impl Relay {
    /// Starts `program` on a free port over this data directory; the log goes to a file in it.
    pub fn start(mut program: Command, data: &Path, flags: &[&str]) -> Self {
        let log = data.join("log.jsonl");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        program.args(["--port", "0", "--data"]).arg(data).args(flags);
        let mut child = program.stdout(Stdio::piped()).stderr(file).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().strip_prefix("ashore-relay listening on http://");
        let host = host.unwrap_or_else(|| panic!("{line:?}; {}", std::fs::read_to_string(&log).unwrap())).to_owned();
        Self { child, host, log }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits until it has stopped.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// A device's connection with it.
    pub async fn connect(&self, key: &SigningKey) -> Device {
        Device::connect(&self.host, key).await
    }

    /// Status line and headers in lower case, and the body, of a plain request.
    pub async fn http(&self, path: &str, headers: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}connection: close\r\n\r\n", self.host);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
