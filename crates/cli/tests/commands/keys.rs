//! Databases that are encrypted, and where their passphrases come from.

use crate::tool::Tool;
use serde_json::json;

const PASSPHRASE: &str = "eleven grey herons";

fn contains(tool: &Tool, text: &str) -> bool {
    let files = ["default.ashore", "default.ashore-wal"].map(|name| std::fs::read(tool.path(name)).unwrap_or_default());
    files.iter().any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[test]
fn a_passphrase_comes_from_a_file_or_the_environment_and_a_wrong_one_ends_with_4() {
    let tool = Tool::new();
    let right = tool.file("right", &format!("{PASSPHRASE}\nsecond line\n"));
    let wrong = tool.file("wrong", "eleven grey geese");
    let made = tool.run(&["init", "--encrypt", "passphrase", "--passphrase-file", &right]).ok();
    assert_eq!(made[0]["protection"], json!("passphrase"));
    tool.run(&["--passphrase-file", &right, "put", "notes", "n1", r#"{"title":"only here"}"#]).ok();
    assert!(!contains(&tool, "only here"));

    tool.run(&["get", "notes", "n1"]).failed(4, "cli.no-passphrase");
    tool.run(&["get", "notes", "n1", "--passphrase-file", &wrong]).failed(4, "key.bad-passphrase");
    tool.run(&["get", "notes", "n1", "--passphrase-file", "nowhere"]).failed(8, "cli.file");
    tool.run(&["init", "--encrypt", "device", "--passphrase-file", &right]).failed(4, "key.mismatch");
    let tool = tool.with("ASHORE_PASSPHRASE", PASSPHRASE);
    assert_eq!(tool.run(&["get", "notes", "n1"]).ok()[0]["value"], json!({ "title": "only here" }));
    // A database that needs none is opened without it.
    tool.run(&["--name", "plain", "init"]).ok();
    tool.run(&["--name", "plain", "list"]).ok();
}

#[test]
fn a_passphrase_that_is_too_easy_makes_no_database() {
    let tool = Tool::new().with("ASHORE_PASSPHRASE", "password");
    tool.run(&["init", "--encrypt", "passphrase"]).failed(4, "key.weak-passphrase");
    // Otherwise the next command would take it for a plain one.
    tool.run(&["list"]).failed(3, "cli.no-database");
}

#[test]
fn a_database_encrypted_with_the_devices_secret_opens_without_a_question() {
    let tool = Tool::new();
    assert_eq!(tool.run(&["init", "--encrypt", "device"]).ok()[0]["protection"], json!("platform"));
    tool.run(&["put", "notes", "n1", r#"{"title":"only here"}"#]).ok();
    assert_eq!(tool.run(&["get", "notes", "n1"]).ok()[0]["value"], json!({ "title": "only here" }));
    assert!(!contains(&tool, "only here"));
}

#[test]
fn a_command_that_fails_takes_back_the_database_it_made_with_its_secret() {
    let tool = Tool::new();
    let tool = tool.with("ASHORE_EXPORT_PASSPHRASE", PASSPHRASE);
    let text = tool.file("text", "no export");
    let relay = "ws://127.0.0.1:9/v1/ws";
    for encrypt in ["none", "device"] {
        tool.run(&["import", &text, "--encrypt", encrypt]).failed(8, "export.not-an-export");
        tool.run(&["--relay", relay, "join", "no code", "--encrypt", encrypt]).failed(6, "invite.bad-code");
        let left = std::fs::read_dir(tool.path("")).unwrap().map(|file| file.unwrap().file_name()).collect::<Vec<_>>();
        assert!(left.iter().all(|name| name == "text" || name == "default.ashore.lock"), "{left:?}");
        tool.run(&["list"]).failed(3, "cli.no-database");
    }
    // One that was there stays as it was, empty or not.
    tool.run(&["init"]).ok();
    tool.run(&["--relay", relay, "join", "no code"]).failed(6, "invite.bad-code");
    tool.run(&["list"]).ok();
}

#[cfg(not(feature = "keychain"))]
#[test]
fn a_keychain_that_was_not_built_in_is_refused_and_nothing_falls_back_to_files() {
    let tool = Tool::new();
    tool.run(&["init", "--keychain"]).failed(3, "host.unsupported");
    assert_eq!(std::fs::read_dir(tool.path("")).unwrap().count(), 0);
}
