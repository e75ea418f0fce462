//! A real relay as a process of its own: this test program, started again to be one.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use crate::folder::Folder;
use ashore_relay::config::{Config, Flags};
use ashore_relay::server;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const DATA: &str = "ASHORE_TEST_RELAY_DATA";
const PORT: &str = "ASHORE_TEST_RELAY_PORT";

/// A relay that runs until it is stopped or dropped.
pub struct Relay {
    folder: Folder,
    child: Child,
    port: u16,
}

impl Relay {
    /// On any free port, with nothing stored.
    pub fn start() -> Self {
        let folder = Folder::fresh();
        let (child, port) = spawn(&folder, 0);
        Self { folder, child, port }
    }

    pub fn address(&self) -> String {
        format!("ws://127.0.0.1:{}/v1/ws", self.port)
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// As a power cut would.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the same port, with what was stored.
    pub fn start_again(&mut self) {
        (self.child, self.port) = spawn(&self.folder, self.port);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Folder, port: u16) -> (Child, u16) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["relay::process", "--exact", "--ignored", "--nocapture"])
        .env(DATA, folder.path("relay"))
        .env(PORT, port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.by_ref().find_map(|line| {
        let (_, address) = line.split_once("listening on http://")?;
        address.rsplit_once(':')?.1.trim().parse().ok()
    });
    // The program says each minute that this test still runs, and ends when nobody can hear it.
    std::thread::spawn(move || lines.for_each(drop::<String>));
    (child, port.unwrap_or_else(|| panic!("the relay said no address")))
}

#[test]
#[ignore = "it is the relay's process, which other tests start"]
fn process() {
    let (Ok(data), Ok(port)) = (std::env::var(DATA), std::env::var(PORT)) else { panic!("only other tests start it") };
    let flags = Flags { data: Some(data.into()), port: port.parse().ok(), ..Flags::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(server::run(Config::load(&flags).unwrap())).unwrap();
}
