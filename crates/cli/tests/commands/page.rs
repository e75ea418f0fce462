//! docs/cli.md says the truth: what it shows is run, in one folder and in order.

use crate::relay::Relay;
use crate::tool::{Tool, done};
use std::process::Stdio;

const PAGE: &str = include_str!("../../../../docs/cli.md");

/// A command of the page, and what it shall say.
struct Example {
    command: String,
    said: Vec<String>,
}

fn examples() -> Vec<Example> {
    let mut all: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in PAGE.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            all.push(Example { command: command.into(), said: vec![] });
        } else if let Some(example) = all.last_mut().filter(|_| inside) {
            example.said.push(line.into());
        }
    }
    all
}

/// `…` stands for anything.
fn fits(wanted: &str, said: &str) -> bool {
    let mut parts = wanted.split('…');
    let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(unix)]
#[test]
fn what_the_page_of_the_command_line_shows_is_what_happens() {
    let relay = Relay::start();
    let tool = Tool::new().with("ASHORE_RELAY", &relay.address());
    let tool = tool.with("ASHORE_EXPORT_PASSPHRASE", "eleven grey herons");
    let examples = examples();
    assert!(examples.len() > 15, "the page has no examples");
    for Example { command, said } in examples {
        let mut shell = tool.command("sh");
        shell.args(["-c", &format!("exec 2>&1; {command}")]).stdin(Stdio::null());
        let output = done(shell.spawn().unwrap()).stdout;
        let lines: Vec<&str> = output.lines().collect();
        let all = lines.len() == said.len() && said.iter().zip(&lines).all(|(wanted, line)| fits(wanted, line));
        assert!(all, "$ {command}\nthe page says:\n{}\nit said:\n{output}", said.join("\n"));
    }
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    assert!(fits("a…b…c", "a12b3c") && fits("…", "") && fits("ab", "ab"));
    assert!(!fits("a…b", "a12") && !fits("ab", "abc") && !fits("a…bc…c", "abc"));
}
