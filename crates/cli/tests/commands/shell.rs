//! What shells and `man` get.

use crate::tool::Tool;

#[test]
fn every_shell_gets_completions_that_name_the_commands() {
    let tool = Tool::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = tool.run(&["completions", shell]);
        assert_eq!(done.code, Some(0), "{done:?}");
        for command in ["backup", "passphrase-file", "no-wait"] {
            assert!(done.stdout.contains(command), "{shell} lacks {command}");
        }
    }
    tool.run(&["completions", "dos"]).failed(2, "cli.usage");
}

#[test]
fn the_man_page_has_every_command_and_each_command_a_page() {
    let tool = Tool::new();
    let page = tool.run(&["man"]);
    assert_eq!(page.code, Some(0));
    assert!(page.stdout.starts_with(".ie") || page.stdout.contains(".TH ashore 1"), "{}", page.stdout);
    for command in [
        "init", "join", "invite", "devices", "get", "put", "list", "find", "watch", "export", "import", "check",
        "repair", "stats", "sync", "backup",
    ] {
        assert!(page.stdout.contains(&format!("ashore\\-{command}")), "{command} is missing");
        let own = tool.run(&["man", command]);
        assert!(own.code == Some(0) && own.stdout.contains("SYNOPSIS"), "{own:?}");
    }
    tool.run(&["man", "frobnicate"]).failed(2, "cli.usage");
    tool.run(&["man", "--to", "pages"]).ok();
    assert!(tool.path("pages/ashore.1").exists() && tool.path("pages/ashore-backup.1").exists());
}

#[test]
fn help_and_version_are_no_failures() {
    let tool = Tool::new();
    assert!(tool.run(&["--help"]).stdout.contains("Exit codes"));
    assert_eq!(tool.run(&["put", "--help"]).code, Some(0));
    assert!(tool.run(&["--version"]).stdout.starts_with("ashore 0."));
}
