//! What a page may send: bytes of every kind.

use super::app::{Desk, code, document, folder, frame, get, put};
use ashore_native::ErrorCode;
use ashore_native::api::{Command, Outcome, encode};
use serde_json::{Value, json};
use tauri::ipc::InvokeBody;

#[test]
fn calls_that_arrive_as_an_array_of_numbers_are_taken() {
    let desk = Desk::open(&folder("numbers"), &["main"]);
    let page = desk.page("main");
    let calls = page.calls(vec![put("n1", json!({ "title": "Milk" })), get("n1")]);
    let numbers: Vec<Value> = frame(&encode(&calls)).into_iter().map(Value::from).collect();
    page.send(InvokeBody::Json(Value::Array(numbers))).unwrap();
    assert_eq!(code(&page.answer(1)), None);
    assert_eq!(document(page.answer(2)), json!({ "title": "Milk" }));
}

#[test]
fn several_messages_in_one_request_take_effect_in_their_order() {
    let desk = Desk::open(&folder("several"), &["main"]);
    let page = desk.page("main");
    let body: Vec<u8> = (0..50)
        .flat_map(|turn| frame(&encode(&page.calls(vec![put("n1", json!({ "turn": turn })), get("n1")]))))
        .collect();
    page.send(InvokeBody::Raw(body)).unwrap();
    for turn in 0..50 {
        assert_eq!(code(&page.answer(2 * turn + 1)), None);
        assert_eq!(document(page.answer(2 * turn + 2)), json!({ "turn": turn }));
    }
}

#[test]
fn noise_ends_in_a_typed_error_and_the_page_goes_on() {
    let desk = Desk::open(&folder("noise"), &["main"]);
    let page = desk.page("main");
    let deep = vec![0x81; 1 << 20];
    let endless = [&[0x9f][..], &[0x81; 64]].concat();
    let huge_length = b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    let bodies = [
        InvokeBody::Raw(b"noise".to_vec()),
        InvokeBody::Raw(frame(b"noise")),
        InvokeBody::Raw(frame(&deep)),
        InvokeBody::Raw(frame(&endless)),
        InvokeBody::Raw(frame(&huge_length)),
        InvokeBody::Raw(vec![0, 255, 255, 255, 255]),
        InvokeBody::Json(json!({ "calls": [] })),
        InvokeBody::Json(json!([1, 2, 999])),
        InvokeBody::Json(Value::Null),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        assert_eq!(page.send(body).unwrap_err()["code"], "request.invalid", "body {number}");
    }
    let nobody = desk.invoke("main", "calls", InvokeBody::Raw(vec![]), None).unwrap_err();
    assert_eq!(nobody["code"], "request.invalid");
    assert_eq!(code(&page.ask(Command::Ping { text: "still here".into() })), None);
}

#[test]
fn calls_of_a_newer_package_are_refused_one_by_one() {
    let desk = Desk::open(&folder("newer"), &["main"]);
    let page = desk.page("main");
    let newer = b"\xa3\x66client\x61p\x68received\x00\x65calls\x81\xa2\x62id\x07\x67command\xa1\x64sing\xa0";
    page.send(InvokeBody::Raw(frame(newer))).unwrap();
    assert_eq!(code(&page.answer(7)), Some(ErrorCode::HostOutdated));
}

#[test]
fn a_request_without_bytes_is_a_sign_of_life() {
    let desk = Desk::open(&folder("life"), &["main"]);
    desk.page("main").send(InvokeBody::Raw(vec![])).unwrap();
}

#[test]
fn one_webview_opens_no_more_databases_than_there_is_room_for() {
    let desk = Desk::open(&folder("many"), &["main"]);
    let pages: Vec<_> = (0..64).map(|n| desk.page_of("main", Some(&format!("d{n}"))).unwrap()).collect();
    let refused = desk.page_of("main", Some("one more")).map(|page| page.number).unwrap_err();
    assert_eq!(refused["code"], "request.invalid");
    pages[3].close();
    let page = desk.page_of("main", Some("one more")).unwrap();
    assert!(matches!(page.ask(get("n1")), Outcome::Ok(_)));
}
