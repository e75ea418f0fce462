//! What windows may do, by the permissions as the app's capabilities name them.

use super::app::{Desk, code, document, folder, get, put, watch_all};
use ashore_native::ErrorCode;
use ashore_native::api::{Command, Event, Outcome};
use serde_json::json;

const REFUSED: Option<ErrorCode> = Some(ErrorCode::PermissionRefused);

#[test]
fn a_call_that_is_not_allowed_is_refused_and_its_neighbours_are_answered() {
    let desk = Desk::with(&folder("refused"), &[("main", &["ashore:default"]), ("viewer", &["ashore:read"])]);
    let (main, viewer) = (desk.page("main"), desk.page("viewer"));
    assert_eq!(code(&main.ask(put("n1", json!({ "title": "Milk" })))), None);
    let mut answers = viewer.ask_all(vec![get("n1"), put("n1", json!({ "title": "Mine" })), get("n1")]);
    let Outcome::Failed(failure) = answers.remove(1) else { panic!("a viewer has written") };
    assert_eq!(failure.code, ErrorCode::PermissionRefused);
    assert!(failure.message.contains("ashore:write") && !failure.retry, "{failure}");
    for answer in answers {
        assert_eq!(document(answer), json!({ "title": "Milk" }));
    }
}

#[test]
fn each_permission_allows_its_own_calls_and_no_others() {
    let parts = ["read", "write", "sync", "admin"].map(|part| (part, format!("ashore:{part}")));
    let windows = parts.each_ref().map(|(window, permission)| (*window, [permission.as_str()]));
    let windows = windows.each_ref().map(|(window, permissions)| (*window, &permissions[..]));
    let desk = Desk::with(&folder("parts"), &windows);
    let calls = [
        ("read", get("n1")),
        ("write", put("n1", json!({ "title": "Milk" }))),
        ("sync", Command::Addresses {}),
        ("admin", Command::Export { passphrase: None, after: Some("no such place".into()) }),
    ];
    for (window, _) in &parts {
        let page = desk.page(window);
        for (needs, command) in &calls {
            let outcome = page.ask(command.clone());
            assert_eq!(code(&outcome) == REFUSED, window != needs, "{window} asks {needs}: {outcome:?}");
        }
        assert_eq!(code(&page.ask(Command::Status {})), None, "{window}");
    }
}

#[test]
fn a_window_that_must_not_read_hears_of_no_documents() {
    let desk = Desk::with(&folder("deaf"), &[("main", &["ashore:default"]), ("inbox", &["ashore:write"])]);
    let (main, inbox) = (desk.page("main"), desk.page("inbox"));
    assert_eq!(code(&inbox.ask(watch_all(1))), REFUSED);
    assert_eq!(code(&inbox.ask(put("n1", json!({ "title": "Milk" })))), None);
    assert_eq!(code(&main.ask(put("n2", json!({ "title": "Bread" })))), None);
    // An answer that is asked for later comes later than what was said to all before.
    assert_eq!(code(&inbox.ask(Command::Status {})), None);
    assert_eq!(code(&main.ask(Command::Status {})), None);
    let is_change = |event: &Event| matches!(event, Event::Changed { .. });
    assert!(!inbox.events_so_far().iter().any(is_change));
    assert!(main.events_so_far().iter().any(is_change));
}

#[test]
fn no_window_ends_the_engine_or_forgets_for_another() {
    let desk = Desk::open(&folder("host"), &["main", "second"]);
    let (main, second) = (desk.page("main"), desk.page("second"));
    assert_eq!(code(&second.ask(Command::Close {})), REFUSED);
    assert_eq!(code(&second.ask(Command::ForgetClient { client: "page".into() })), REFUSED);
    assert_eq!(code(&main.ask(put("n1", json!({ "title": "Milk" })))), None);
}

#[test]
fn a_window_without_a_permission_opens_nothing() {
    let desk = Desk::with(&folder("none"), &[("main", &["ashore:default"]), ("stranger", &[])]);
    let refused = desk.page_of("stranger", Some("family")).map(|page| page.number).unwrap_err();
    assert!(refused.as_str().unwrap().contains("ashore.open not allowed"), "{refused}");
    desk.page("main").close();
}

#[test]
fn what_is_denied_is_not_granted_by_the_default() {
    let deny = json!({ "identifier": "ashore:default", "deny": [{ "may": "write" }] });
    let grants: crate::allowed::Grant = serde_json::from_value(deny["deny"][0].clone()).unwrap();
    let all = [crate::allowed::Part::Read, crate::allowed::Part::Write];
    let allowed = crate::allowed::Allowed::of(all.into_iter(), std::iter::once(grants.may));
    let call = |command| ashore_native::api::Call { id: 1, command };
    assert_eq!(allowed.refusal(&call(get("n1"))), None);
    assert!(allowed.refusal(&call(put("n1", json!({})))).is_some());
}
