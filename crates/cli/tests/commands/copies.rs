//! Exported files.

use crate::tool::Tool;
use serde_json::json;

const PASSPHRASE: &str = "eleven grey herons";

#[test]
fn an_exported_file_makes_the_same_documents_in_another_database() {
    let tool = Tool::initialised();
    tool.run(&["put", "notes", "n1", r#"{"title":"Milk"}"#]).ok();
    tool.run(&["export", "notes.export"]).failed(4, "cli.no-passphrase");
    let tool = tool.with("ASHORE_EXPORT_PASSPHRASE", PASSPHRASE);
    let said = tool.run(&["export", "notes.export"]).ok();
    let bytes = std::fs::read(tool.path("notes.export")).unwrap();
    assert_eq!(said, [json!({ "file": "notes.export", "documents": 1, "bytes": bytes.len() })]);
    assert!(!tool.path("notes.export.part").exists());
    tool.run(&["export", "notes.export"]).failed(8, "cli.file");
    tool.run(&["export", "--force", "notes.export"]).ok();

    let taken = tool.run(&["--name", "copy", "import", "notes.export"]).ok();
    assert_eq!(taken[0]["documents"], json!(1));
    assert_eq!(tool.run(&["--name", "copy", "get", "notes", "n1"]).ok()[0]["value"], json!({ "title": "Milk" }));
    tool.run(&["--name", "copy", "import", "notes.export"]).failed(8, "import.not-empty");
}

#[test]
fn a_file_that_does_not_open_is_named_and_makes_nothing() {
    let tool = Tool::initialised().with("ASHORE_EXPORT_PASSPHRASE", PASSPHRASE);
    tool.run(&["put", "notes", "n1", r#"{"title":"Milk"}"#]).ok();
    tool.run(&["export", "whole"]).ok();
    let whole = std::fs::read(tool.path("whole")).unwrap();
    std::fs::write(tool.path("half"), &whole[..whole.len() - 1]).unwrap();
    let other = tool.file("other", "eleven grey geese");
    let weak = tool.file("weak", "password");
    tool.run(&["--name", "b", "import", "half"]).failed(8, "export.truncated");
    tool.run(&["--name", "b", "import", "whole", "--export-passphrase-file", &other])
        .failed(8, "export.wrong-passphrase");
    tool.run(&["--name", "b", "import", &weak]).failed(8, "export.not-an-export");
    tool.run(&["--name", "b", "import", "nowhere"]).failed(8, "cli.file");
    assert_eq!(tool.run(&["--name", "b", "import", "whole"]).ok()[0]["documents"], json!(1));
    tool.run(&["export", "easy", "--export-passphrase-file", &weak]).failed(8, "export.weak-passphrase");
    assert!(!tool.path("easy").exists() && !tool.path("easy.part").exists());
}
