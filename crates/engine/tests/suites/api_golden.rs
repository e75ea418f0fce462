//! The API's bytes: what the engine writes and what a page writes must open for ever, here and in npm/test/unit/golden.test.ts.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ashore-engine --test suites api_golden` writes what the engine encodes; the same variable for Vitest writes what a page encodes.

use ashore_engine::api::{
    Answer, Call, Calls, ChangeKind, ChangedDocuments, ChangedVersions, Command, Device, Diagnostics, DisconnectReason,
    DocumentState, Durability, ErrorCode, Event, Failure, FieldClaim, FieldConflict, FileBytes, Finding, FindingCode,
    HealthCounts, HealthPart, Hint, HistoryChange, IdRange, IndexConflict, IndexField, IndexInfo, IndexSpec,
    InviteInfo, JoinRequestInfo, KeptBecause, KeptDocument, KeyInfo, LogEntry, LogLevel, Mended, News, Outcome,
    Overlay, OwnRequest, OwnRequestState, Passphrase, Patch, PathStep, PresencePeer, Protection, Quarantined,
    QueryMistake, RecoveryInfo, Remedy, Reply, SnapshotInfo, StorageKind, StoredKind, SyncSettings, SyncState,
    SyncStatus, TextAnswer, TextAsk, TextEdit, TextExpand, TextSplice, Write, WriteResult, Written, decode, encode,
};
use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One message in three forms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Golden {
    name: String,
    json: serde_json::Value,
    /// As the engine encodes it, in hex.
    engine: String,
    /// As a page encodes it; maps may have another order.
    page: String,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/api/messages.json")
}

fn kept() -> Vec<Golden> {
    std::fs::read(path()).map_or_else(|_| Vec::new(), |bytes| serde_json::from_slice(&bytes).unwrap())
}

fn golden<T: Serialize>(name: String, message: &T) -> Golden {
    let json = serde_json::to_value(message).unwrap();
    Golden { name, json, engine: HEXLOWER.encode(&encode(message)), page: String::new() }
}

fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(kept: &Golden, message: &T) {
    let now = golden(kept.name.clone(), message);
    assert_eq!((&now.json, &now.engine), (&kept.json, &kept.engine), "{}", kept.name);
    for bytes in [&kept.engine, &kept.page] {
        let decoded: T = decode(&HEXLOWER.decode(bytes.as_bytes()).unwrap()).unwrap();
        assert_eq!(&decoded, message, "{}", kept.name);
    }
}

#[test]
fn every_message_has_the_bytes_it_always_had() {
    let (calls, news) = (all_calls(), all_news());
    let kept = kept();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return update(&calls, &news, &kept);
    }
    assert_eq!(kept.len(), calls.len() + news.len(), "run with UPDATE_GOLDEN=1 after adding messages");
    for (kept, (_, message)) in kept.iter().zip(&calls) {
        check(kept, message);
    }
    for (kept, (_, message)) in kept.iter().skip(calls.len()).zip(&news) {
        check(kept, message);
    }
}

fn update(calls: &[(String, Calls)], news: &[(String, News)], kept: &[Golden]) {
    let mut all: Vec<Golden> = calls.iter().map(|(name, message)| golden(name.clone(), message)).collect();
    all.extend(news.iter().map(|(name, message)| golden(name.clone(), message)));
    for golden in &mut all {
        let before = kept.iter().find(|kept| kept.name == golden.name && kept.json == golden.json);
        golden.page = before.map(|kept| kept.page.clone()).unwrap_or_default();
    }
    std::fs::create_dir_all(path().parent().unwrap()).unwrap();
    std::fs::write(path(), serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
}

fn all_calls() -> Vec<(String, Calls)> {
    commands()
        .into_iter()
        .enumerate()
        .map(|(index, command)| {
            let id = u64::try_from(index).unwrap() + 1;
            let name = format!("calls/{index:02}-{}", variant(&command));
            (name, Calls { client: "page-1".into(), received: id - 1, calls: vec![Call { id, command }] })
        })
        .collect()
}

fn all_news() -> Vec<(String, News)> {
    let answers = outcomes().into_iter().map(|outcome| {
        let name = match &outcome {
            Outcome::Ok(reply) => variant(reply),
            Outcome::Failed(failure) => failure.code.as_str().to_owned(),
        };
        (name, News { answers: vec![Answer { id: 9_007_199_254_740_991, outcome }], events: vec![] })
    });
    let events = events().into_iter().map(|event| {
        let name = variant(&event);
        (name, News { answers: vec![], events: vec![event] })
    });
    let all =
        answers.chain(events).chain(presence_news()).chain(requests_news()).chain(approval_news()).chain(log_news());
    all.enumerate().map(|(index, (name, news))| (format!("news/{index:02}-{name}"), news)).collect()
}

fn presence_news() -> [(String, News); 2] {
    let device = Some("a0123456789abcdefghijklmnopqrstuvabcdefghijklmnopqrs".into());
    let (handle, state) = ("8f14e45fceea167a5a36dedd4bea2543".into(), r#"{"note":"n1","at":12}"#.into());
    let peer = PresencePeer { device, handle, name: "Küche".into(), state, since: 1_795_000_000_000, me: false };
    let own = PresencePeer { device: None, me: true, ..peer.clone() };
    let reply = Outcome::Ok(Reply::Presence { peers: vec![peer.clone(), own.clone()] });
    let event = Event::Presence { peers: vec![peer], gone: vec![own] };
    [
        ("presence".into(), News { answers: vec![Answer { id: 7, outcome: reply }], events: vec![] }),
        ("presence".into(), News { answers: vec![], events: vec![event] }),
    ]
}

fn log_news() -> [(String, News); 2] {
    let entry = LogEntry {
        number: 9,
        at: 1_795_000_000_000,
        level: LogLevel::Error,
        area: "store".into(),
        message: "a commit failed".into(),
        counts: BTreeMap::from([("rows".into(), 3)]),
        code: Some(ErrorCode::StoreFailed),
    };
    let plain = LogEntry { level: LogLevel::Info, counts: BTreeMap::new(), code: None, ..entry.clone() };
    let reply = Outcome::Ok(Reply::Logs { log: u32::MAX, entries: vec![entry.clone(), plain] });
    [
        ("logs".into(), News { answers: vec![Answer { id: 7, outcome: reply }], events: vec![] }),
        ("logged".into(), News { answers: vec![], events: vec![Event::Logged { entries: vec![entry] }] }),
    ]
}

fn requests_news() -> Vec<(String, News)> {
    let words = vec!["abandon".into(), "zoo".into()];
    let (device, name) = ("cd".repeat(26), "Küche".into());
    let asks = JoinRequestInfo {
        device,
        name,
        role: "writer".into(),
        asked_at: 1_795_000_000_000,
        words: words.clone(),
        invite: None,
    };
    let own = |state, code: Option<&str>| OwnRequest {
        group: "ab".repeat(26),
        device: "cd".repeat(26),
        role: "reader".into(),
        asked_at: 1_795_000_000_000,
        state,
        delivered: true,
        words: words.clone(),
        code: code.map(str::to_owned),
    };
    let answers = [
        Reply::Ticket { link: "https://app.example/#ticket=a&k=b".into(), qr_code: "data:image/svg+xml,".into() },
        Reply::OwnRequest { request: Some(own(OwnRequestState::Pending, None)) },
        Reply::OwnRequest { request: Some(own(OwnRequestState::Refused, Some("relay.unknown-group"))) },
        Reply::Requests { requests: vec![asks.clone()] },
    ];
    let events = [
        Event::Requests { requests: vec![asks] },
        Event::OwnRequest { request: Some(own(OwnRequestState::Admitted, None)) },
        Event::OwnRequest { request: Some(own(OwnRequestState::Rejected, None)) },
        Event::OwnRequest { request: None },
    ];
    let answers = answers.into_iter().map(|reply| {
        let name = variant(&reply);
        (name, News { answers: vec![Answer { id: 7, outcome: Outcome::Ok(reply) }], events: vec![] })
    });
    let events = events.into_iter().map(|event| (variant(&event), News { answers: vec![], events: vec![event] }));
    answers.chain(events).collect()
}

fn approval_news() -> Vec<(String, News)> {
    let id = || "ef".repeat(26);
    let asks = JoinRequestInfo {
        device: "cd".repeat(26),
        name: "Küche".into(),
        role: "reader".into(),
        asked_at: 1_795_000_000_000,
        words: vec![],
        invite: Some(id()),
    };
    let invite = InviteInfo {
        id: id(),
        role: "reader".into(),
        expires_at: 1_795_000_000_000,
        invited_by: "cd".repeat(26),
        open: true,
        uses_left: Some(2),
        approval: Some(true),
    };
    let link = "https://app.example/#ticket=a&k=b&i=c&r=r".into();
    let qr_code = "data:image/svg+xml,".into();
    let answers = [
        Reply::ApprovalInvite { id: id(), link, qr_code, expires_at: 1_795_000_000_000 },
        Reply::Requests { requests: vec![asks] },
        Reply::Invites { invites: vec![invite] },
    ];
    let news = answers.into_iter().map(|reply| {
        let answer = |reply| News { answers: vec![Answer { id: 7, outcome: Outcome::Ok(reply) }], events: vec![] };
        (variant(&reply), answer(reply))
    });
    news.collect()
}

/// The key of an externally tagged enum.
fn variant<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::Object(map) => map.keys().next().unwrap().clone(),
        other => panic!("{other} is no tagged value"),
    }
}

fn commands() -> Vec<Command> {
    let collection = || "notes".to_owned();
    let range = IdRange { after: Some("a".into()), before: None, prefix: Some("ü".into()), limit: 10_000 };
    vec![
        Command::Ping { text: "Grüße 👋".into() },
        Command::Get { collection: collection(), ids: vec!["n1".into(), String::new()] },
        Command::List { collection: collection(), range: IdRange::default() },
        Command::Scan { collection: collection(), range },
        Command::Collections {},
        Command::Write {
            writes: vec![
                Write::Put {
                    collection: collection(),
                    ids: vec!["n1".into(), "n2".into()],
                    documents: r#"[{"a":1},{"$ashore":["object",{}]}]"#.into(),
                    bases: vec![None, Some("AbCdEfGhIjk.LmNoPqRsTuv".into())],
                },
                Write::Delete { collection: collection(), ids: vec!["n3".into()] },
            ],
            durability: Durability::Strict,
            split: true,
        },
        Command::Write { writes: vec![], durability: Durability::Relaxed, split: false },
        Command::DeclareIndexes { collection: collection(), indexes: vec![index()] },
        Command::Indexes { collection: collection() },
        Command::IndexConflicts { collection: collection(), index: "by-due".into() },
        Command::Flush { timeout_ms: 500 },
        Command::EnableSync { relay: Some("wss://relay.example".into()), device_name: None },
        Command::DisableSync { forget: true },
        Command::SyncNow { timeout_ms: 9_007_199_254_740_991 },
        Command::Status {},
        Command::DocumentStatus { collection: collection(), id: "n1".into() },
        Command::CreateInvite {
            ttl_seconds: 600,
            link_base: Some("https://app.example/".into()),
            role: None,
            uses: None,
        },
        Command::JoinInvite { invite: "7KQ2-AAAA-BBBB-CCCC".into(), relay: None, device_name: Some("Küche".into()) },
        Command::Devices {},
        Command::RenameDevice { name: "Küche".into() },
        Command::Quarantine {},
        Command::Diagnostics {},
        Command::Hint { hint: Hint::Online },
        Command::Hint { hint: Hint::Offline },
        Command::Hint { hint: Hint::Foreground },
        Command::ForgetClient { client: "page-2".into() },
        Command::Close {},
        Command::Find {
            collection: collection(),
            query: r#"{"filter":{"done":false},"sort":[["due",-1]]}"#.into(),
            after: Some("bjE".into()),
            page: 1_000,
            within: None,
        },
        Command::Count { collection: collection(), query: "{}".into(), within: None },
        Command::Explain { collection: collection(), query: "{}".into() },
        Command::Watch {
            watch: 9_007_199_254_740_991,
            collection: collection(),
            query: r#"{"filter":{"done":false},"limit":20}"#.into(),
            id: None,
        },
        Command::Watch { watch: 1, collection: collection(), query: "{}".into(), id: Some("n1".into()) },
        Command::WatchTaken { watch: 1, patch: 65_536 },
        Command::Unwatch { watch: 1 },
        Command::DeclareCollection {
            collection: collection(),
            local: false,
            local_fields: vec!["password".into(), "smtp.größe".into()],
            sync_fields: None,
            sync_deletes: true,
        },
        Command::DeclareCollection {
            collection: collection(),
            local: false,
            local_fields: vec![],
            sync_fields: Some(vec!["is_read".into()]),
            sync_deletes: false,
        },
        Command::Parked { collection: collection(), range: IdRange::default() },
        Command::ConfigureSync { auto: Some(false), interval_ms: None, relays: None, channels: None },
        Command::ConfigureSync { auto: None, interval_ms: Some(300_000), relays: None, channels: None },
        Command::DeclareIndexes { collection: collection(), indexes: vec![words()] },
        Command::Search {
            collection: collection(),
            text: "Käse \"oat mil".into(),
            index: None,
            filter: Some(r#"{"done":false}"#.into()),
            prefix: true,
            any: false,
            offset: 0,
            limit: 20,
        },
        Command::Write {
            writes: vec![Write::Modify {
                collection: collection(),
                ids: vec!["n1".into()],
                modifiers: r#"{"$inc":{"likes":1}}"#.into(),
            }],
            durability: Durability::Relaxed,
            split: false,
        },
        Command::UpdateMany {
            collection: collection(),
            query: r#"{"filter":{"done":true}}"#.into(),
            modifiers: r#"{"$unset":{"due":true}}"#.into(),
            durability: Durability::Strict,
        },
        Command::DeleteMany { collection: collection(), query: "{}".into(), durability: Durability::Relaxed },
        Command::Apply {
            collection: collection(),
            ids: vec!["n1".into()],
            documents: r#"[{"likes":1}]"#.into(),
            modifiers: r#"{"$inc":{"likes":1}}"#.into(),
        },
        Command::Find { collection: collection(), query: "{}".into(), after: None, page: 0, within: Some(overlay()) },
        Command::Count { collection: collection(), query: "{}".into(), within: Some(overlay()) },
        Command::History { collection: collection(), id: "n1".into(), before: Some("AbCdEfGhIjk".into()), limit: 50 },
        Command::At { collection: collection(), id: "n1".into(), version: "AbCdEfGhIjk".into() },
        Command::Conflicts { collection: collection(), id: "n1".into() },
        Command::Write {
            writes: vec![Write::Revert {
                collection: collection(),
                ids: vec!["n1".into(), "n2".into()],
                versions: vec![vec!["AbCdEfGhIjk".into()], vec![]],
                redo: true,
            }],
            durability: Durability::Relaxed,
            split: false,
        },
        Command::Write {
            writes: vec![Write::Migrate {
                collection: collection(),
                ids: vec!["n1".into()],
                documents: r#"[{"$version":2,"a":1}]"#.into(),
                bases: vec![Some("AbCdEfGhIjk.LmNoPqRsTuv".into())],
            }],
            durability: Durability::Relaxed,
            split: true,
        },
        text(TextAsk::Read {}),
        text(TextAsk::Changes { since: "AbCdEfGhIjk".into() }),
        text(TextAsk::Cursor { version: "AbCdEfGhIjk".into(), position: 7 }),
        text(TextAsk::Position { version: "AbCdEfGhIjk".into(), cursor: "12@ab".into() }),
        text(TextAsk::Marks { version: "AbCdEfGhIjk".into() }),
        Command::Write {
            writes: vec![Write::Text {
                collection: collection(),
                id: "n1".into(),
                path: "parts.0.body".into(),
                base: "AbCdEfGhIjk".into(),
                edits: text_edits(),
            }],
            durability: Durability::Relaxed,
            split: false,
        },
        Command::SetPresence {
            handle: "8f14e45fceea167a5a36dedd4bea2543".into(),
            since: 1_795_000_000_000,
            state: Some(r#"{"note":"n1","at":12}"#.into()),
        },
        Command::SetPresence { handle: "8f14e45fceea167a5a36dedd4bea2543".into(), since: 0, state: None },
        Command::WatchPresence { handle: "8f14e45fceea167a5a36dedd4bea2543".into() },
        Command::UnwatchPresence { handle: "8f14e45fceea167a5a36dedd4bea2543".into() },
        Command::PublishSnapshot { timeout_ms: 120_000 },
        Command::Check { after: None },
        Command::Repair { after: Some("QIAEA".into()) },
        Command::Export { passphrase: Some(Passphrase::new("four words")), after: None },
        Command::Import {
            passphrase: None,
            after: Some("QIAEA".into()),
            bytes: FileBytes(vec![0, 1, 255]),
            last: true,
            dry: false,
        },
        Command::Unlock { passphrase: Some(Passphrase::new("Grüne Wiese 7")) },
        Command::Unlock { passphrase: None },
        Command::Lock {},
        Command::ChangePassphrase {
            old: Passphrase::new("Grüne Wiese 7"),
            new: Passphrase::new("blue meadow, no cows"),
        },
        Command::WipeKeys {},
        Command::Keys {},
        Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some("reader".into()), uses: None },
        Command::Invites {},
        Command::RevokeInvite { invite: "ef".repeat(26) },
        Command::RemoveDevice { device: "cd".repeat(26) },
        Command::ChangeRole { device: "cd".repeat(26), role: "writer".into() },
        Command::HandOver { device: "cd".repeat(26) },
        Command::LeaveGroup {},
        Command::RotateKeys {},
        Command::ConfigureSync {
            auto: None,
            interval_ms: None,
            relays: Some(vec!["wss://relay.example.org/v1/ws".into()]),
            channels: None,
        },
        Command::ConfigureSync {
            auto: None,
            interval_ms: None,
            relays: None,
            channels: Some(vec!["channel:kitchen".into()]),
        },
        Command::Addresses {},
        Command::SyncReady { timeout_ms: 30_000 },
        Command::CreateTicket { link_base: Some("https://app.example/".into()) },
        Command::RequestToJoin {
            ticket: "https://app.example/#ticket=a&k=b".into(),
            role: Some("reader".into()),
            relay: None,
            device_name: Some("Küche".into()),
        },
        Command::OwnRequest {},
        Command::WithdrawRequest {},
        Command::Requests {},
        Command::ApproveRequest { device: "cd".repeat(26), role: "writer".into() },
        Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: Some(20) },
        Command::RejectRequest { device: "cd".repeat(26) },
        Command::SetPassword { password: Passphrase::new("Grüne Wiese 7"), locator: None },
        Command::SetPassword {
            password: Passphrase::new("Grüne Wiese 7"), locator: Some("grün@wiese.example".into())
        },
        Command::CreateRecoveryPhrase {},
        Command::Recoveries {},
        Command::RemoveRecovery { recovery: "ef".repeat(26) },
        Command::Recover {
            relay: Some("wss://relay.example".into()),
            device_name: None,
            locator: Some("7KQ2-AAAA-BBBB-CCCC".into()),
            secret: Passphrase::new("Grüne Wiese 7"),
        },
        Command::Recover {
            relay: None,
            device_name: Some("Küche".into()),
            locator: None,
            secret: Passphrase::new("abandon ability able"),
        },
        Command::CreateApprovalInvite {
            ttl_seconds: 600,
            link_base: None,
            role: Some("reader".into()),
            uses: Some(20),
        },
        Command::CreateApprovalInvite { ttl_seconds: 600, link_base: None, role: None, uses: None },
        Command::SeenBy { collection: "notes".into(), id: "n1".into() },
        Command::ConfigureRetention {
            keep_deleted_seconds: Some(3_600),
            idle_seconds: None,
            keep_entries_seconds: None,
        },
        Command::Storage { after: Some("QIAEA".into()) },
        Command::WatchLogs { level: LogLevel::Debug },
    ]
}

/// Every kind and every reason.
fn stored() -> Reply {
    let kinds = [
        StorageKind::Documents,
        StorageKind::Tombstones,
        StorageKind::Changes,
        StorageKind::Entries,
        StorageKind::Outbox,
        StorageKind::Quarantine,
        StorageKind::Indexes,
        StorageKind::Search,
        StorageKind::Snapshots,
        StorageKind::Keys,
        StorageKind::Markers,
        StorageKind::Others,
    ];
    let reasons = [
        KeptBecause::CanBeUndone,
        KeptBecause::Pending,
        KeptBecause::NotSeen,
        KeptBecause::Local,
        KeptBecause::Nothing,
    ];
    let kept = |because| KeptDocument {
        collection: "notes".into(),
        id: "n1".into(),
        since: 1_795_000_000_000,
        because,
        waits_for: vec!["cd".repeat(26)],
        idle: vec![],
    };
    Reply::Stored {
        kinds: kinds.map(|kind| StoredKind { kind, rows: 2, bytes: 300 }).into(),
        kept: reasons.map(kept).into(),
        next: None,
    }
}

/// Every code and every remedy.
fn health_answers() -> Vec<Reply> {
    let finding = |code| Finding {
        code,
        collection: Some("notes".into()),
        id: None,
        sequence: Some(7),
        message: "A sentence for people.".into(),
    };
    let codes = [
        FindingCode::StoreLost,
        FindingCode::RowUnreadable,
        FindingCode::DocumentUnreadable,
        FindingCode::DocumentChangesBroken,
        FindingCode::DocumentDiffers,
        FindingCode::ChangesStray,
        FindingCode::IndexWrong,
        FindingCode::IndexStray,
        FindingCode::EntryUnreadable,
        FindingCode::EntryIndexWrong,
        FindingCode::ControlWrong,
        FindingCode::OutboxWrong,
        FindingCode::QuarantineUnreadable,
    ];
    let remedies = [
        Remedy::Restored,
        Remedy::Kept,
        Remedy::Removed,
        Remedy::AskedAgain,
        Remedy::SentAgain,
        Remedy::Lost,
        Remedy::Waiting,
    ];
    let counts = HealthCounts { rows: 500, bytes: 65_536, documents: 200, index_rows: 0, entries: 1 };
    let mended = remedies.map(|remedy| Mended { finding: finding(FindingCode::StoreLost), remedy });
    vec![
        Reply::Checked {
            part: HealthPart::EntryIndex,
            counts,
            findings: codes.map(finding).into(),
            next: Some("QIAEA".into()),
        },
        Reply::Repaired { part: HealthPart::Settling, counts, mended: mended.into(), next: None, waits: true },
        Reply::Exported { bytes: FileBytes(vec![0, 1, 255]), documents: 3, next: Some("QIAEA".into()) },
        Reply::Imported { taken: 3, documents: 3, next: None },
        Reply::SeenBy { devices: vec!["cd".repeat(26)], everyone: false },
        stored(),
    ]
}

fn text(ask: TextAsk) -> Command {
    Command::Text { collection: "notes".into(), id: "n1".into(), path: "body".into(), ask }
}

fn splice() -> TextSplice {
    TextSplice { at: 3, delete: 2, insert: "🏖".into() }
}

fn text_edits() -> Vec<TextEdit> {
    let mark =
        |expand| TextEdit::Mark { start: 0, end: 9, name: "bold".into(), value: r#"{"value":true}"#.into(), expand };
    let marks = [TextExpand::None, TextExpand::Before, TextExpand::After, TextExpand::Both].map(mark);
    [TextEdit::Splice(splice()), TextEdit::Update { text: "Milk".into() }].into_iter().chain(marks).collect()
}

fn text_answers() -> Vec<Reply> {
    let version = || "AbCdEfGhIjk".to_owned();
    let answers = [
        TextAnswer::Read { text: "Milk".into(), version: version() },
        TextAnswer::Changes { splices: vec![splice()], marks: true, version: version(), path: "body".into() },
        TextAnswer::Cursor { cursor: "12@ab".into() },
        TextAnswer::Position { position: 7 },
        TextAnswer::Marks { marks: r#"[{"end":9,"name":"bold","start":0,"value":true}]"#.into() },
    ];
    let edited = WriteResult::Text { version: version(), path: "body".into(), behind: true };
    let mut replies: Vec<_> = answers.into_iter().map(|answer| Reply::Text { answer }).collect();
    replies.push(Reply::Written { results: vec![edited], changed: vec![] });
    let changed =
        || vec![ChangedVersions { collection: "notes".into(), id: "n1".into(), versions: vec!["AbCdEfGhIjk".into()] }];
    let (ids, versions) = (vec!["n1".into()], vec!["AbCdEfGhIjk".into()]);
    replies.push(Reply::Updated { matched: 1, ids, versions, corrupt: vec![], changed: changed() });
    replies.push(Reply::Removed { ids: vec!["n1".into()], corrupt: vec![], changed: changed() });
    replies
}

fn outcomes() -> Vec<Outcome> {
    let replies = vec![
        Reply::Pong { text: "Grüße 👋".into() },
        Reply::Documents {
            ids: vec!["n1".into()],
            documents: r#"[{"at":{"$ashore":["date",0]}},null]"#.into(),
            versions: vec!["AbCdEfGhIjk".into(), String::new()],
            tagged: true,
            corrupt: vec!["n9".into()],
            more: false,
        },
        Reply::Ids { ids: vec![], more: true },
        Reply::Collections { names: vec!["notes".into()] },
        Reply::Written {
            results: vec![
                WriteResult::Put { versions: vec!["AbCdEfGhIjk".into()] },
                WriteResult::Deleted { existed: vec![true, false] },
            ],
            changed: vec![],
        },
        Reply::Indexes { indexes: vec![IndexInfo { spec: index(), ready: true, documents: 70_000 }] },
        Reply::IndexConflicts { conflicts: vec![IndexConflict { ids: vec!["n1".into(), "ü".into()] }], more: false },
        Reply::Flushed { pending: 3 },
        Reply::Status { status: status() },
        Reply::DocumentStatus { state: DocumentState::Missing },
        Reply::Synced { pushed: 1, pulled: 65_536 },
        Reply::Invite {
            short_code: "7KQ2-AAAA-BBBB-CCCC".into(),
            link: "https://app.example/#7KQ2".into(),
            qr_code: "data:image/svg+xml;base64,".into(),
            expires_at: 1_795_000_000_000,
            id: String::new(),
        },
        Reply::Joined { group: "ab".repeat(32) },
        Reply::Devices { devices: vec![device(None)] },
        Reply::Quarantine {
            entries: vec![Quarantined {
                entry: "00".repeat(32),
                author: "ff".repeat(32),
                reason: "missing-key".into(),
            }],
        },
        Reply::Diagnostics { diagnostics: Diagnostics { wasm_bytes: Some(1 << 31), ..Diagnostics::default() } },
        Reply::Done {},
        Reply::Found {
            ids: vec!["n1".into()],
            documents: r#"[{"due":{"$ashore":["date",0]}}]"#.into(),
            versions: vec!["AbCdEfGhIjk".into()],
            tagged: true,
            corrupt: vec![],
            next: Some("bjE".into()),
        },
        Reply::Count { count: 9_007_199_254_740_991, corrupt: vec!["n9".into()] },
        Reply::Plan { index: Some("by-due".into()), ranges: 1, in_order: true },
        Reply::DocumentStatus { state: DocumentState::Local },
        Reply::SyncSettings {
            settings: SyncSettings { auto: true, interval_ms: 300_000, relays: vec![], channels: vec![] },
        },
        Reply::Indexes { indexes: vec![IndexInfo { spec: words(), ready: true, documents: 2 }] },
        Reply::Hits {
            ids: vec!["n1".into()],
            documents: r#"[{"title":"Oat milk"}]"#.into(),
            versions: vec!["AbCdEfGhIjk".into()],
            scores: vec![1.1],
            terms: vec!["kase".into(), "oat".into()],
            matched: vec![vec![0, 1]],
            tagged: false,
            corrupt: vec![],
            more: true,
            complete: false,
        },
        Reply::Written {
            results: vec![WriteResult::Modified { versions: vec!["AbCdEfGhIjk".into(), String::new()] }],
            changed: vec![],
        },
        Reply::Updated {
            matched: 2,
            ids: vec!["n1".into()],
            versions: vec!["AbCdEfGhIjk".into()],
            corrupt: vec!["n9".into()],
            changed: vec![],
        },
        Reply::Removed { ids: vec!["n1".into()], corrupt: vec![], changed: vec![] },
        Reply::Applied { documents: r#"[{"likes":2}]"#.into(), tagged: false, changed: vec![true] },
        Reply::Written {
            results: vec![WriteResult::Reverted { reverted: vec![true, false] }],
            changed: vec![ChangedVersions {
                collection: "notes".into(),
                id: "n1".into(),
                versions: vec!["AbCdEfGhIjk".into()],
            }],
        },
        Reply::History {
            changes: vec![HistoryChange {
                version: "AbCdEfGhIjk".into(),
                by: Written { at: -1_000, mine: true, device: Some("cd".repeat(32)), name: Some("Küche".into()) },
                kind: ChangeKind::Undo,
                fields: vec!["title".into()],
            }],
            more: true,
        },
        Reply::Conflicts {
            conflicts: vec![FieldConflict {
                path: vec![PathStep::Key("tags".into()), PathStep::Index(7)],
                claims: vec![FieldClaim {
                    version: "AbCdEfGhIjk".into(),
                    by: Written { at: 1_795_000_000_000, mine: false, device: None, name: None },
                }],
            }],
            values: r#"[["a"]]"#.into(),
            tagged: false,
            more: false,
        },
        Reply::Snapshot { documents: 300, bytes: 70_000, cursor: 9_007_199_254_740_991 },
        Reply::Diagnostics {
            diagnostics: Diagnostics {
                snapshot: Some(SnapshotInfo {
                    began_from: true,
                    cursor: 70_000,
                    bytes: 9_007_199_254_740_991,
                    entries_since: 300,
                    bytes_since: 70_000,
                    making: None,
                    taking: Some(3),
                    parts: Some(4_096),
                }),
                ..Diagnostics::default()
            },
        },
        Reply::Invite {
            short_code: "7KQ2-AAAA-BBBB-CCCC".into(),
            link: "ashore:#7KQ2".into(),
            qr_code: "data:image/svg+xml;base64,".into(),
            expires_at: 1_795_000_000_000,
            id: "ef".repeat(26),
        },
        Reply::Invites {
            invites: vec![InviteInfo {
                id: "ef".repeat(26),
                role: "reader".into(),
                expires_at: 1_795_000_000_000,
                invited_by: "cd".repeat(26),
                open: false,
                uses_left: None,
                approval: None,
            }],
        },
        Reply::Devices { devices: vec![device(Some(1_795_000_000_000))] },
        Reply::Status { status: SyncStatus { removed: true, ..status() } },
        Reply::Status { status: SyncStatus { remote: true, ..status() } },
        Reply::Recovery { id: "ef".repeat(26), locator: Some("7KQ2-AAAA-BBBB-CCCC".into()), words: None },
        Reply::Recovery { id: "ef".repeat(26), locator: None, words: Some(Passphrase::new("abandon ability able")) },
        Reply::Recoveries {
            recoveries: vec![RecoveryInfo {
                id: "ef".repeat(26),
                kind: "password".into(),
                locator: Some("grün@wiese.example".into()),
                made_by: "cd".repeat(26),
            }],
        },
    ];
    let failures = ErrorCode::ALL.iter().map(|code| {
        let failure = Failure::new(*code, "A sentence for people.");
        Outcome::Failed(if code.retry() { failure } else { failure.about("notes", "n1") })
    });
    let mut mistaken = Failure::new(ErrorCode::QueryInvalid, "The query is not valid.");
    let (path, reason) = ("$or[0].due".to_owned(), "there is no such operator".to_owned());
    mistaken.query = Some(Box::new(QueryMistake { path, operator: Some("$after".into()), reason }));
    let mistaken = Outcome::Failed(mistaken);
    let keys = [Protection::None, Protection::Platform, Protection::Passphrase]
        .map(|protection| Outcome::Ok(Reply::Keys { keys: KeyInfo { protection, locked: true, wiped: false } }));
    let texts = text_answers().into_iter().map(Outcome::Ok);
    let health = health_answers().into_iter().map(Outcome::Ok);
    let replies = replies.into_iter().map(Outcome::Ok).chain(failures).chain([mistaken]).chain(texts);
    replies.chain(health).chain(keys).collect()
}

fn events() -> Vec<Event> {
    let reasons = [
        DisconnectReason::Disabled,
        DisconnectReason::Lost,
        DisconnectReason::Refused,
        DisconnectReason::Misbehaved,
        DisconnectReason::Offline,
        DisconnectReason::Outdated,
    ];
    let changed = ChangedDocuments { collection: "notes".into(), ids: vec!["n1".into()], remote: true };
    let mut events = vec![
        Event::Changed { changes: vec![changed], missed: false },
        Event::Changed { changes: vec![], missed: true },
        Event::Indexes {
            collection: "notes".into(),
            indexes: vec![IndexInfo { spec: index(), ready: false, documents: 1_000 }],
        },
        Event::Status { status: status() },
        Event::Connected { relay: "wss://relay.example".into() },
        Event::Error { failure: Failure::new(ErrorCode::RelayMisbehaved, "It sent nonsense.") },
    ];
    events.extend(reasons.map(|reason| Event::Disconnected { reason }));
    let patch = Patch {
        watch: 1,
        number: 65_536,
        anew: true,
        removed: vec!["n2".into(), "ü".into()],
        ids: vec!["n1".into()],
        places: vec![4_000],
        documents: r#"[{"due":{"$ashore":["date",0]}}]"#.into(),
        versions: vec!["AbCdEfGhIjk".into()],
        tagged: true,
        corrupt: vec!["n9".into()],
        skipped: 3,
        more: false,
    };
    let failure = Failure::new(ErrorCode::QueryTooLarge, "An answer of more than 200000 documents.");
    events.extend([Event::Patch { patch }, Event::Unwatched { watch: 1, failure }]);
    let keys = KeyInfo { protection: Protection::Platform, locked: false, wiped: true };
    events.push(Event::Keys { keys });
    events.push(Event::Membership { devices: vec![device(Some(1_795_000_000_000))] });
    events
}

fn device(admitted_at: Option<u64>) -> Device {
    let last_heard_at = None;
    Device { id: "cd".repeat(32), name: "Küche".into(), role: "admin".into(), me: true, admitted_at, last_heard_at }
}

fn overlay() -> Overlay {
    Overlay { ids: vec!["n1".into()], documents: r#"[{"likes":1}]"#.into(), absent: vec!["ü".into()] }
}

fn index() -> IndexSpec {
    let field = |path: &str, descending| IndexField { path: path.into(), descending, weight: None };
    let fields = vec![field("due", true), field("tags.größe", false)];
    IndexSpec { name: "by-due".into(), fields, unique: true, sparse: false, text: None }
}

fn words() -> IndexSpec {
    let field = |path: &str, weight| IndexField { path: path.into(), descending: false, weight };
    let fields = vec![field("title", Some(3)), field("body", None)];
    IndexSpec { name: "words".into(), fields, unique: false, sparse: false, text: Some(true) }
}

fn status() -> SyncStatus {
    SyncStatus {
        state: SyncState::Failed,
        enabled: true,
        relay: Some("wss://relay.example".into()),
        connected: false,
        pending: 1_000,
        cursor: 4_294_967_296,
        head: 24,
        group: Some("ab".repeat(32)),
        device: None,
        last_synced_at: Some(1_795_000_000_000),
        last_error: Some(Failure::new(ErrorCode::RelayRefused, "Not now.")),
        retry_at: None,
        quarantined: 0,
        removed: false,
        remote: false,
    }
}
