//! `cargo xtask demo`: builds everything, starts the relay with the demo's pages and says where they are.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;

use crate::browser;
use crate::failure::{Failure, Outcome};
use crate::npm;
use crate::process::{self, cargo};
use crate::setup;
use crate::wasm;
use crate::workspace;

const PORT: u16 = 8787;

struct Options {
    port: Option<u16>,
    open: bool,
}

impl Options {
    fn parse(words: &[&str]) -> Outcome<Self> {
        match words {
            [] => Ok(Self { port: None, open: true }),
            ["--no-open", rest @ ..] => Ok(Self { open: false, ..Self::parse(rest)? }),
            ["--port", number, rest @ ..] => {
                let port = number.parse().map_err(|_| Failure::new(format!("`{number}` is not a port")))?;
                Ok(Self { port: Some(port), ..Self::parse(rest)? })
            }
            [other, ..] => Err(Failure::new(format!("demo does not know `{other}`: --port N, --no-open"))),
        }
    }
}

pub(crate) fn run(words: &[&str]) -> Outcome {
    let options = Options::parse(words)?;
    setup::npm_packages()?;
    build()?;
    serve(&options)
}

/// Everything that the relay serves, and the relay.
pub(crate) fn build() -> Outcome {
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    npm::build_demo()?;
    process::run(cargo(["build", "-p", "ashore-relay"]))
}

/// Runs the relay until it ends; Ctrl-C reaches it as it reaches us, and we wait for it to close its log in order.
fn serve(options: &Options) -> Outcome {
    let port = options.port.unwrap_or_else(|| if is_free(PORT) { PORT } else { 0 });
    let mut relay = process::program(workspace::built("debug", "ashore-relay"));
    relay
        .args(["--pages", "web-demo/dist", "--data", ".demo", "--log-level", "warn", "--port", &port.to_string()])
        .stdout(Stdio::piped());
    ctrlc::set_handler(|| println!("\nstopping …")).map_err(|error| Failure::new(error.to_string()))?;
    let mut child = relay.spawn().map_err(|error| Failure::new(format!("cannot start the relay: {error}")))?;
    if let Some(output) = child.stdout.take() {
        pass_on(BufReader::new(output), options.open);
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("the relay ended: {status}"))) }
}

/// Prints what the relay says; the first line with an address is the page to open.
fn pass_on(output: impl BufRead, open: bool) {
    let mut address = None;
    for line in output.lines().map_while(Result::ok) {
        println!("{line}");
        if address.is_none() {
            address = address_in(&line);
            if let Some(page) = &address {
                println!(
                    "\n    The demo: {page}\n    Open it twice, in two browser profiles, and pair them. Ctrl-C stops it.\n"
                );
                if open {
                    browser::open_page(page);
                }
            }
        }
    }
}

/// `http://…` as it stands in a line.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|letter: char| letter.is_whitespace() || "\"',;)".contains(letter)).unwrap_or(rest.len());
    Some(format!("http://{}", rest.get(..end)?))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_taken_out_of_the_line() {
        assert_eq!(
            address_in("listening on http://127.0.0.1:8787/ (pages)").as_deref(),
            Some("http://127.0.0.1:8787/")
        );
        assert_eq!(address_in("ws://127.0.0.1:1"), None);
    }
}
