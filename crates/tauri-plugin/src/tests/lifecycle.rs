//! What becomes of pages whose engine breaks or hangs, and how an app comes to the front and to its end.

use super::app::{Desk, code, document, folder, frame, get, put};
use crate::databases::Databases;
use crate::pages::{Pages, Place};
use ashore_native::api::{Command, LogLevel, encode};
use ashore_native::{EngineState, ErrorCode};
use futures_util::FutureExt;
use serde_json::json;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tauri::Manager;
use tauri::async_runtime::block_on;
use tauri::ipc::InvokeBody;

#[test]
fn a_page_whose_engine_breaks_is_told_and_asks_the_next_one_under_the_same_ids() {
    let desk = Desk::open(&folder("breaks"), &["main", "second"]);
    let (main, second) = (desk.page("main"), desk.page("second"));
    assert_eq!(code(&main.ask(put("n1", json!({ "title": "Milk" })))), None);
    block_on(desk.ashore().database("family")).unwrap().engine().break_now().unwrap();
    let calls = main.calls(vec![put("n2", json!({ "title": "Bread" }))]);
    let id = calls.calls[0].id;
    let send = || main.send(InvokeBody::Raw(frame(&encode(&calls)))).unwrap();
    send();
    assert_eq!(main.broke().code, ErrorCode::HostDead);
    assert_eq!(second.broke().code, ErrorCode::HostDead);
    send();
    assert_eq!(code(&main.answer(id)), None);
    assert_eq!(document(second.ask(get("n2"))), json!({ "title": "Bread" }));
}

#[test]
fn a_sign_of_life_comes_from_the_engine_and_one_that_hangs_keeps_no_page_from_the_next() {
    let desk = Desk::open(&folder("hangs"), &["main"]);
    let page = desk.page("main");
    let pages = Arc::clone(&desk.app.state::<Arc<Pages>>());
    let place = Place { window: "main".into(), webview: "main".into() };
    block_on(pages.check(&place, page.number)).unwrap();
    let engine = block_on(desk.ashore().database("family")).unwrap().engine();
    let hangs = engine.hang().unwrap();
    let mut life = Box::pin(pages.check(&place, page.number));
    assert!((&mut life).now_or_never().is_none());
    // Calls are taken meanwhile: nothing waits in the app for an engine.
    let calls = page.calls(vec![Command::Ping { text: "p".into() }]);
    page.send(InvokeBody::Raw(frame(&encode(&calls)))).unwrap();
    for second in 0..=10 {
        drop(engine.check_as_if(Duration::from_secs(second)));
    }
    assert_eq!(page.broke().code, ErrorCode::HostDead);
    assert_eq!(code(&page.ask(Command::Ping { text: "p".into() })), None);
    drop(hangs);
    assert_eq!(engine.status().restarts, 1);
}

#[test]
fn a_page_that_gives_up_its_engine_gets_another_unless_somebody_else_uses_it() {
    let desk = Desk::open(&folder("anew"), &["main", "second"]);
    let before = desk.page("main");
    assert_eq!(code(&before.ask(put("n1", json!({ "title": "Milk" })))), None);
    let restarts = || {
        let engine = block_on(desk.ashore().database("family")).unwrap().engine();
        let restarts = engine.status().restarts;
        block_on(desk.ashore().close("family"));
        restarts
    };
    let page = desk.page_instead_of(&before);
    before.close();
    assert_eq!(document(page.ask(get("n1"))), json!({ "title": "Milk" }));
    assert_eq!(restarts(), 1);

    let second = desk.page("second");
    let third = desk.page_instead_of(&page);
    page.close();
    assert_eq!(document(third.ask(get("n1"))), json!({ "title": "Milk" }));
    assert_eq!(document(second.ask(get("n1"))), json!({ "title": "Milk" }));
    assert_eq!(restarts(), 1);

    second.close();
    // A number of another webview's, or of nobody's, says nothing.
    let other = desk.page("second");
    other.close();
    let fourth = desk.page_instead_of(&other);
    assert_eq!(document(fourth.ask(get("n1"))), json!({ "title": "Milk" }));
    assert_eq!(restarts(), 1);
}

#[test]
fn the_app_ends_though_a_relay_says_nothing_and_an_engine_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/v1/ws", silent.local_addr().unwrap());
    let folder = folder("ends");
    let desk = Desk::open(&folder, &["main"]);
    let waits = block_on(desk.ashore().database("waits")).unwrap();
    block_on(waits.sync().enable(&address, "here")).unwrap();
    block_on(waits.collection("notes").put("n1", &json!({ "title": "Milk" }))).unwrap();
    let stuck = block_on(desk.ashore().database("stuck")).unwrap();
    let hangs = stuck.engine().hang().unwrap();
    let databases = Arc::clone(&desk.app.state::<Arc<Databases>>());
    let began = Instant::now();
    // It comes back at all: the one engine would hang for ever, and the other would wait for the relay as long as it is let.
    block_on(databases.close_all());
    assert!(began.elapsed() >= Duration::from_millis(500), "what waits got no time");
    assert_eq!(waits.engine().status().state, EngineState::Closed);
    assert_eq!(stuck.engine().status().state, EngineState::Stopping);
    drop(hangs);
    let desk = Desk::open(&folder, &["main"]);
    let waits = block_on(desk.ashore().database("waits")).unwrap();
    assert!(block_on(waits.sync().fetch_status()).unwrap().pending > 0);
    assert_eq!(block_on(waits.collection::<serde_json::Value>("notes").list()).unwrap(), ["n1"]);
}

#[test]
fn every_engine_hears_that_the_app_came_to_the_front() {
    let desk = Desk::open(&folder("front"), &["main"]);
    let page = desk.page("main");
    let engine = block_on(desk.ashore().database("family")).unwrap().engine();
    engine.set_log_level(LogLevel::Trace);
    assert_eq!(code(&page.ask(Command::Status {})), None);
    let came = || engine.logs(LogLevel::Trace).iter().filter(|entry| entry.message == "calls came").count();
    let before = came();
    desk.app.state::<Arc<Databases>>().resume();
    block_on(engine.check()).unwrap();
    assert_eq!(code(&page.ask(Command::Status {})), None);
    assert_eq!(came(), before + 2);
}
