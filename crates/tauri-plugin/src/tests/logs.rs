//! What the app's logger is told.

use super::app::{Desk, code, folder, get, put};
use ashore_native::ErrorCode;
use ashore_native::api::{Command, LogLevel, Outcome, Reply};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::json;
use std::sync::Mutex;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.lock().unwrap().push(format!("{} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn the_apps_logger_hears_of_refused_calls_and_of_no_document() {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let desk = Desk::with(&folder("logs"), &[("main", &["ashore:default"]), ("viewer", &["ashore:read"])]);
    let (main, viewer) = (desk.page("main"), desk.page("viewer"));
    let watch = || Command::WatchLogs { level: LogLevel::Trace };
    assert_eq!(code(&viewer.ask(watch())), None);
    assert_eq!(code(&main.ask(put("cormorant", json!({ "cormorant": "cormorant" })))), None);
    assert_eq!(code(&viewer.ask(put("cormorant", json!({ "cormorant": 1 })))), Some(ErrorCode::PermissionRefused));
    assert_eq!(code(&viewer.ask(get("cormorant"))), None);
    let lines = LINES.lock().unwrap();
    let is_refusal = |line: &String| line.starts_with("WARN ashore") && line.contains("refused");
    assert!(lines.iter().any(is_refusal), "{lines:#?}");
    let ours: Vec<_> = lines.iter().filter(|line| line.contains("ashore")).collect();
    assert!(!ours.iter().any(|line| line.contains("cormorant")), "{ours:#?}");

    // What the app's logger hears a page can ask for, with whatever permission.
    let Outcome::Ok(Reply::Logs { entries, .. }) = viewer.ask(watch()) else { panic!("no logs") };
    let refused = entries.iter().find(|entry| entry.message.contains("refused")).unwrap();
    assert_eq!((refused.level, refused.counts["calls"]), (LogLevel::Warn, 1));
    assert!(entries.iter().any(|entry| entry.message == "rows are committed"), "{entries:#?}");
    assert!(!format!("{entries:?}").contains("cormorant"), "{entries:#?}");
}
