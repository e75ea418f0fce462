//! Documents from a shell.

use crate::tool::Tool;
use serde_json::{Value, json};

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
}

/// `n00` to `n29`, with ranks that fall.
fn filled() -> Tool {
    let tool = Tool::initialised();
    let lines: String = (0..30)
        .map(|n| {
            json!({ "id": format!("n{n:02}"), "value": { "rank": 100 - n, "even": n % 2 == 0 } }).to_string() + "\n"
        })
        .collect();
    assert_eq!(tool.run_with(&["put", "notes", "--lines"], &lines).ok(), [json!({ "put": 30 })]);
    tool
}

#[test]
fn a_document_is_put_from_an_argument_a_file_and_stdin_and_deleted() {
    let tool = Tool::initialised();
    assert_eq!(tool.run(&["put", "notes", "n1", r#"{"title":"Milk","done":false}"#]).ok(), [json!({ "put": 1 })]);
    let file = tool.file("bread.json", r#"{"title":"Bread"}"#);
    tool.run(&["put", "notes", "n2", &format!("@{file}")]).ok();
    tool.run_with(&["put", "notes", "n3", "-"], r#"{"title":"Eggs"}"#).ok();
    tool.run_with(&["put", "notes", "n4"], r#"{"title":"Oats"}"#).ok();
    let got = tool.run(&["get", "notes", "n1", "n2", "n3", "n4"]).ok();
    assert_eq!(got[0], json!({ "id": "n1", "value": { "title": "Milk", "done": false } }));
    assert_eq!(
        [&got[1]["value"], &got[2]["value"], &got[3]["value"]],
        [&json!({ "title": "Bread" }), &json!({ "title": "Eggs" }), &json!({ "title": "Oats" })]
    );

    // A put takes the place of what is there.
    tool.run(&["put", "notes", "n1", r#"{"title":"Oat milk"}"#]).ok();
    assert_eq!(tool.run(&["get", "notes", "n1"]).ok()[0]["value"], json!({ "title": "Oat milk" }));

    assert_eq!(tool.run(&["delete", "notes", "n2", "n3"]).ok()[1], json!({ "id": "n3", "deleted": true }));
    let again = tool.run(&["delete", "notes", "n2"]);
    assert_eq!((again.code, again.lines()), (Some(1), vec![json!({ "id": "n2", "deleted": false })]));
    let some = tool.run(&["get", "notes", "n4", "n2"]);
    some.failed(1, "cli.nothing-there");
    assert_eq!(ids(&some.lines()), ["n4"]);
    assert_eq!(tool.run(&["list"]).ok(), [json!({ "collection": "notes" })]);
}

#[test]
fn a_list_is_a_range_of_ids_and_crosses_pages() {
    let tool = filled();
    let listed = |more: &[&str]| tool.run(&[&["list", "notes"], more].concat()).ok();
    assert_eq!(listed(&[]).len(), 30);
    assert_eq!(ids(&listed(&["--from", "n03", "--to", "n06"])), ["n03", "n04", "n05"]);
    assert_eq!(ids(&listed(&["--from", "n03x", "--limit", "2"])), ["n04", "n05"]);
    assert_eq!(ids(&listed(&["--from", "n03", "--limit", "1"])), ["n03"]);
    assert_eq!(ids(&listed(&["--prefix", "n2", "--limit", "2"])), ["n20", "n21"]);
    assert_eq!(ids(&listed(&["--prefix", "n2", "--from", "n03", "--limit", "1"])), ["n20"]);
    assert_eq!(listed(&["--from", "n29", "--to", "n29"]), Vec::<Value>::new());
    assert_eq!(listed(&["--limit", "0", "--from", "n00"]), Vec::<Value>::new());
    assert_eq!(
        listed(&["--values", "--limit", "1"])[0],
        json!({ "id": "n00", "value": { "rank": 100, "even": true } })
    );
    assert_eq!(tool.run(&["list", "nothing"]).ok(), Vec::<Value>::new());

    let lines: String = (0..2_100).map(|n| format!("{{\"id\":\"m{n:04}\",\"value\":{{}}}}\n")).collect();
    assert_eq!(tool.run_with(&["put", "many", "--lines"], &lines).ok(), [json!({ "put": 2_100 })]);
    for values in [&[][..], &["--values"]] {
        let all = tool.run(&[&["list", "many"], values].concat()).ok();
        assert_eq!((all.len(), &all[2_099]["id"]), (2_100, &json!("m2099")));
    }
    assert_eq!(tool.run(&["find", "many"]).ok().len(), 2_100);
}

#[test]
fn a_query_filters_sorts_limits_selects_and_counts() {
    let tool = filled();
    let filter = r#"{"even":true,"rank":{"$lt":90}}"#;
    let found = tool.run(&["find", "notes", filter, "--sort", "rank", "--limit", "2", "--skip", "1"]).ok();
    assert_eq!(found[0], json!({ "id": "n26", "value": { "rank": 74, "even": true } }));
    assert_eq!(ids(&found), ["n26", "n24"]);
    assert_eq!(ids(&tool.run(&["find", "notes", filter, "--sort", "-rank", "--limit", "1"]).ok()), ["n12"]);
    assert_eq!(tool.run(&["find", "notes", filter, "--count"]).ok(), [json!({ "count": 9 })]);
    let selected = tool.run(&["find", "notes", "--select", "rank", "--limit", "1"]).ok();
    assert_eq!(selected[0]["value"], json!({ "rank": 100 }));
    tool.run(&["find", "notes", r#"{"rank":{"$near":1}}"#]).failed(2, "query.invalid");
    tool.run(&["find", "notes", "{rank:1}"]).failed(2, "cli.usage");
}

#[test]
fn what_cannot_be_understood_ends_with_2_and_writes_nothing() {
    let tool = Tool::initialised();
    tool.run(&["put", "notes", "n1", "{\"title\":"]).failed(2, "cli.usage");
    tool.run(&["put", "notes", "n1", "[1,2]"]).failed(2, "document.not-serializable");
    tool.run(&["put", "notes", "", "{}"]).failed(2, "document.invalid-id");
    tool.run(&["put", "notes"]).failed(2, "cli.usage");
    tool.run(&["put", "notes", "n1", "@nowhere.json"]).failed(8, "cli.file");
    tool.run(&["frobnicate"]).failed(2, "cli.usage");
    let lines = "{\"id\":\"n1\",\"value\":{}}\n{\"id\":\"n2\",\"value\":}\n";
    let refused = tool.run_with(&["put", "notes", "--lines"], lines);
    refused.failed(2, "cli.usage");
    assert!(refused.stderr.contains("line 2"), "{refused:?}");
    assert_eq!(tool.run(&["list"]).ok(), Vec::<Value>::new());
}

#[test]
fn a_command_for_a_database_that_is_not_there_makes_none() {
    let tool = Tool::new();
    for command in [&["get", "notes", "n1"][..], &["put", "notes", "n1", "{}"], &["check"], &["sync"], &["stats"]] {
        tool.run(command).failed(3, "cli.no-database");
    }
    assert_eq!(std::fs::read_dir(tool.path("")).unwrap().count(), 0);
    let made = tool.run(&["init"]).ok();
    assert_eq!((&made[0]["created"], &made[0]["protection"]), (&json!(true), &json!("none")));
    assert_eq!(tool.run(&["init"]).ok()[0]["created"], json!(false));
    tool.run(&["--name", "another", "get", "notes", "n1"]).failed(3, "cli.no-database");
}

#[test]
fn a_reader_that_goes_away_ends_a_list_without_a_word() {
    let tool = Tool::initialised();
    let long = "x".repeat(4_000);
    let lines: String =
        (0..200).map(|n| format!("{{\"id\":\"n{n:03}\",\"value\":{{\"long\":\"{long}\"}}}}\n")).collect();
    tool.run_with(&["put", "notes", "--lines"], &lines).ok();
    // Several times what a pipe holds, so that it must notice.
    let mut list = tool.start(&["list", "notes", "--values"]);
    assert_eq!(list.line()["id"], "n000");
    list.deafen();
    let done = list.end();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_watch_tells_what_is_there_and_ctrl_c_ends_it_well() {
    let tool = filled();
    let mut watch = tool.start(&["watch", "notes", r#"{"rank":{"$gt":98}}"#]);
    assert_eq!(watch.line(), json!({ "event": "added", "id": "n00", "value": { "rank": 100, "even": true } }));
    assert_eq!(watch.line()["id"], "n01");
    assert_eq!(watch.line(), json!({ "event": "ready", "count": 2 }));

    // One program at a time.
    tool.run(&["get", "notes", "n00"]).failed(3, "store.locked");
    tool.run(&["init"]).failed(3, "store.locked");

    watch.interrupt();
    let done = watch.end();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    tool.run(&["get", "notes", "n00"]).ok();
    assert_eq!(tool.run(&["watch", "notes", "--for", "0"]).code, Some(0));
}

#[test]
fn a_check_finds_what_was_overwritten_and_a_repair_mends_it() {
    let tool = filled();
    let healthy = tool.run(&["check"]).ok();
    assert_eq!((&healthy[0]["healthy"], &healthy[0]["counts"]["documents"]), (&json!(true), &json!(30)));
    let sqlite = rusqlite::Connection::open(tool.path("default.ashore")).unwrap();
    let spoil = "UPDATE store_row SET crc = crc + 1 WHERE key = (SELECT key FROM store_row WHERE instr(key, CAST('n07' AS BLOB)) > 0 ORDER BY key DESC LIMIT 1)";
    assert_eq!(sqlite.execute(spoil, []).unwrap(), 1);
    drop(sqlite);

    // Its neighbours are still read.
    for (command, left) in
        [(&["list", "notes", "-v"][..], 29), (&["find", "notes"], 29), (&["find", "notes", "--count"], 1)]
    {
        let read = tool.run(command);
        read.failed(3, "store.corrupt");
        assert!(read.stderr.contains("(notes/n07)") && read.lines().len() == left, "{read:?}");
    }
    tool.run(&["get", "notes", "n06", "n07"]).failed(3, "store.corrupt");

    let check = tool.run(&["check"]);
    let lines = check.lines();
    assert_eq!((check.code, &lines[0]["finding"]["id"]), (Some(7), &json!("n07")));
    assert_eq!(lines.last().unwrap()["healthy"], json!(false));
    let repair = tool.run(&["repair", "--timeout", "0"]);
    let mended = &repair.lines()[0]["mended"];
    assert_eq!((&mended["finding"]["id"], &mended["remedy"]), (&json!("n07"), &json!("restored")));
    // Without a relay nobody knows whether the damaged row stood for others too.
    let sum = repair.lines().pop().unwrap();
    assert_eq!((repair.code, &sum["healed"], &sum["lost"]), (Some(7), &json!(false), &json!(1)));
    assert_eq!(tool.run(&["repair"]).ok().pop().unwrap()["healed"], json!(true));
    tool.run(&["check"]).ok();
    assert_eq!(tool.run(&["get", "notes", "n07"]).ok()[0]["value"], json!({ "rank": 93, "even": false }));
}

#[test]
fn stats_count_and_hold_no_document() {
    let tool = Tool::initialised();
    tool.run(&["put", "notes", "n1", r#"{"title":"secret words"}"#]).ok();
    let stats = tool.run(&["stats"]);
    let line = &stats.ok()[0];
    assert_eq!(line["collections"], json!({ "notes": { "documents": 1 } }));
    assert_eq!((&line["protection"], &line["sync"]["enabled"]), (&json!("none"), &json!(false)));
    assert!(line["fileBytes"].as_u64().unwrap() > 0);
    assert!(!stats.stdout.contains("secret words"));
}
