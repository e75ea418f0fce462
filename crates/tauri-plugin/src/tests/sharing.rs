//! Pages, windows and Rust over one engine.

use super::app::{Desk, code, document, folder, get, put, watch_all};
use crate::pages::Pages;
use ashore_native::ErrorCode;
use ashore_native::api::{Command, Outcome, Reply};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tauri::Manager;
use tauri::async_runtime::block_on;

#[test]
fn a_page_writes_and_after_a_restart_another_reads_it() {
    let folder = folder("restart");
    let desk = Desk::open(&folder, &["main"]);
    let page = desk.page("main");
    assert_eq!(code(&page.ask(put("n1", json!({ "title": "Milk" })))), None);
    assert_eq!(document(page.ask(get("n1"))), json!({ "title": "Milk" }));
    page.close();
    drop(desk);

    let desk = Desk::open(&folder, &["main"]);
    assert_eq!(document(desk.page("main").ask(get("n1"))), json!({ "title": "Milk" }));
}

#[test]
fn two_windows_share_one_engine_and_each_hears_what_the_other_writes() {
    let desk = Desk::open(&folder("windows"), &["main", "second"]);
    let (main, second) = (desk.page("main"), desk.page("second"));
    assert_eq!(code(&second.ask(watch_all(1))), None);
    assert_eq!(code(&main.ask(put("n1", json!({ "title": "Milk" })))), None);
    assert_eq!(second.rows_of(1), json!([{ "title": "Milk" }]));
    assert_eq!(document(second.ask(get("n1"))), json!({ "title": "Milk" }));
    // Each counts its calls from one, under the same name: neither gets the other's answers.
    assert_eq!(document(main.ask(get("n2"))), Value::Null);
}

#[test]
fn what_rust_writes_shows_in_a_pages_live_query_and_the_other_way_round() {
    let desk = Desk::open(&folder("rust"), &["main"]);
    let page = desk.page("main");
    assert_eq!(code(&page.ask(watch_all(1))), None);
    let database = block_on(desk.ashore().database("family")).unwrap();
    let notes = database.collection::<Value>("notes");
    block_on(notes.put("n1", &json!({ "title": "Milk" }))).unwrap();
    assert_eq!(page.rows_of(1), json!([{ "title": "Milk" }]));

    let mut live = notes.find(json!({ "title": "Bread" })).watch().unwrap();
    assert_eq!(block_on(live.next()).unwrap().unwrap().len(), 0);
    assert_eq!(code(&page.ask(put("n2", json!({ "title": "Bread" })))), None);
    assert_eq!(block_on(live.next()).unwrap().unwrap().len(), 1);
}

#[test]
fn a_window_that_is_gone_hears_nothing_and_the_others_go_on() {
    let desk = Desk::open(&folder("gone"), &["main", "second"]);
    let (main, second) = (desk.page("main"), desk.page("second"));
    assert_eq!(code(&main.ask(put("n0", json!({ "title": "Bread" })))), None);
    assert_eq!(code(&second.ask(watch_all(1))), None);
    assert_eq!(second.rows_of(1), json!([{ "title": "Bread" }]));
    // What it has said is answered by now, and nothing is under way.
    assert_eq!(code(&second.ask(Command::Status {})), None);
    second.events_so_far();
    desk.app.state::<Arc<Pages>>().window_gone("second");

    assert_eq!(code(&main.ask(put("n1", json!({ "title": "Milk" })))), None);
    assert!(second.hears_nothing());
    let refused = second.send(tauri::ipc::InvokeBody::Raw(vec![])).unwrap_err();
    assert_eq!(refused["code"], "host.dead");
    // It is shown again, by another page.
    assert_eq!(document(desk.page("second").ask(get("n1"))), json!({ "title": "Milk" }));
}

#[test]
fn what_an_earlier_document_had_open_is_over_and_what_the_new_one_has_stays() {
    let desk = Desk::open(&folder("documents"), &["main", "second"]);
    let pages = desk.app.state::<Arc<Pages>>();
    let open = |document, window| desk.page_in(document, window, Some("family")).unwrap();
    let is_open = |page: &super::app::Page<'_>| page.send(tauri::ipc::InvokeBody::Raw(vec![])).is_ok();
    let (old, beside) = (open("old", "main"), open("old", "second"));
    // The new document is faster than the event that tells of it.
    let new = open("new", "main");
    let asked = pages.last();
    // And so is the one after it.
    let newest = open("newest", "main");
    pages.shows("main", Some("new"), asked);
    assert!(!is_open(&old));
    assert!(is_open(&new) && is_open(&newest) && is_open(&beside));
    // A document that does not use the package.
    pages.shows("main", None, pages.last());
    assert!(!is_open(&new) && !is_open(&newest) && is_open(&beside));
}

#[test]
fn with_its_last_page_a_database_is_let_go_unless_rust_has_it() {
    let folder = folder("let-go");
    let desk = Desk::open(&folder, &["main"]);
    let elsewhere = || ashore_native::Options::at(folder.join("family.ashore")).secrets_in_files();
    desk.page("main").close();
    block_on(block_on(ashore_native::Database::open(elsewhere())).unwrap().close());

    let page = desk.page("main");
    let _rust = block_on(desk.ashore().database("family")).unwrap();
    page.close();
    let taken = block_on(ashore_native::Database::open(elsewhere())).unwrap_err();
    assert_eq!(taken.code, ErrorCode::StoreLocked);
    block_on(desk.ashore().close("family"));
    block_on(ashore_native::Database::open(elsewhere())).unwrap();
}

#[test]
fn a_page_has_no_way_to_what_another_webview_opened() {
    let desk = Desk::open(&folder("foreign"), &["main", "second"]);
    let (main, second) = (desk.page("main"), desk.page("second"));
    let refused = desk.invoke("second", "calls", tauri::ipc::InvokeBody::Raw(vec![]), Some(main.number)).unwrap_err();
    assert_eq!(refused["code"], "host.dead");
    let arguments = tauri::ipc::InvokeBody::Json(json!({ "page": main.number }));
    desk.invoke("second", "close", arguments, None).unwrap();
    assert_eq!(code(&main.ask(Command::Ping { text: "here".into() })), None);
    assert_eq!(code(&second.ask(Command::Ping { text: "there".into() })), None);
}

#[test]
fn every_name_is_a_file_in_the_apps_own_folder() {
    let folder = folder("names");
    let desk = Desk::open(&folder, &["main"]);
    for name in ["../../out", "/etc/passwd", "..", "a\\b:c", "山", &"x".repeat(128), &"山".repeat(128)] {
        let page = desk.page_of("main", Some(name)).unwrap();
        assert_eq!(code(&page.ask(put("n1", json!({ "name": name })))), None, "{name}");
    }
    for bad in [String::new(), "x".repeat(129)] {
        let refused = desk.page_of("main", Some(&bad)).map(|page| page.number).unwrap_err();
        assert_eq!(refused["code"], "request.invalid");
    }
    let made = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(made.filter(|name| name.ends_with(".ashore")).count(), 7);
    assert!(!folder.join("../../out").exists() && !folder.with_file_name("out.ashore").exists());
}

#[test]
fn a_database_in_memory_is_its_pages_own() {
    let desk = Desk::open(&folder("memory"), &["main"]);
    let one = desk.page_of("main", None).unwrap();
    let other = desk.page_of("main", None).unwrap();
    assert_eq!(code(&one.ask(put("n1", json!({ "title": "Milk" })))), None);
    assert_eq!(document(other.ask(get("n1"))), Value::Null);
    one.close();
    other.close();
}

#[test]
fn when_rust_closes_the_database_a_page_is_told_and_the_next_opens_it_again() {
    let desk = Desk::open(&folder("closed"), &["main"]);
    let page = desk.page("main");
    assert_eq!(code(&page.ask(put("n1", json!({ "title": "Milk" })))), None);
    let database = block_on(desk.ashore().database("family")).unwrap();
    block_on(database.close());
    assert_eq!(page.end().code, ErrorCode::DatabaseClosed);
    assert_eq!(document(desk.page("main").ask(get("n1"))), json!({ "title": "Milk" }));
}

#[test]
fn a_database_opens_locked_by_a_passphrase_for_every_window() {
    let desk = Desk::open(&folder("locked"), &["main", "second"]);
    let with = |options: ashore_native::Options| options.passphrase("");
    let database = block_on(desk.ashore().database_with("family", with)).unwrap();
    let page = desk.page("main");
    assert_eq!(code(&page.ask(get("n1"))), Some(ErrorCode::KeyLocked));
    block_on(database.unlock("eleven grey herons on a roof")).unwrap();
    assert_eq!(code(&page.ask(get("n1"))), None);
    let Outcome::Ok(Reply::Keys { keys }) = desk.page("second").ask(Command::Lock {}) else { panic!("not locked") };
    assert!(keys.locked);
    assert_eq!(code(&page.ask(get("n1"))), Some(ErrorCode::KeyLocked));
}
