//! The Rust API over the whole host: what an app does with it, on real files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::api::{Call, Calls, Command, Durability, News, Outcome, Reply, Write, decode, encode};
use ashore_engine::store::conformance::wait_for;
use ashore_native::api::Event;
use ashore_native::{Database, Engine, ErrorCode, Failure, Options, PortListener};
use folder::Folder;
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Arc, Mutex, mpsc};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    title: String,
    rank: u32,
}

fn note(title: &str, rank: u32) -> Note {
    Note { title: title.into(), rank }
}

fn options(folder: &Folder) -> Options {
    Options::at(folder.path("notes.ashore")).secrets_in_files()
}

async fn open(folder: &Folder) -> Database {
    Database::open(options(folder)).await.unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, Failure>) -> ErrorCode {
    result.unwrap_err().code
}

fn is_shareable<T: Send + Sync + Clone>(_: &T) {}

#[test]
fn documents_are_written_read_changed_found_and_deleted() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder).await;
        is_shareable(&database);
        is_shareable(&database.engine());
        let notes = database.collection::<Note>("notes");
        is_shareable(&notes);
        notes.put("n1", &note("Milk", 3)).await.unwrap();
        notes.put_many([("n2", note("Bread", 2)), ("n3", note("Eggs", 1))]).await.unwrap();
        assert_eq!(notes.get("n1").await.unwrap(), Some(note("Milk", 3)));
        assert_eq!(notes.get_many(["n3", "none"]).await.unwrap(), [Some(note("Eggs", 1)), None]);
        assert!(notes.update("n2", |note| note.rank = 9).await.unwrap());
        assert!(!notes.update("none", |_| panic!("there is none")).await.unwrap());
        assert!(notes.modify("n3", &json!({ "$inc": { "rank": 4 } })).await.unwrap());
        assert!(!notes.modify("none", &json!({ "$inc": { "rank": 4 } })).await.unwrap());
        assert_eq!(notes.list().await.unwrap(), ["n1", "n2", "n3"]);
        let ranks = notes.find(json!({ "rank": { "$gt": 3 } })).sort_descending("rank");
        assert_eq!(ranks.rows().await.unwrap(), [("n2".into(), note("Bread", 9)), ("n3".into(), note("Eggs", 5))]);
        assert_eq!(ranks.count().await.unwrap(), 2);
        assert_eq!(notes.all().sort("rank").skip(1).limit(1).documents().await.unwrap(), [note("Eggs", 5)]);
        assert!(notes.delete("n1").await.unwrap());
        assert!(!notes.delete("n1").await.unwrap());
        assert_eq!(database.collections().await.unwrap(), ["notes"]);
        assert_eq!(code(database.collection::<u32>("notes").get("n2").await), ErrorCode::DocumentInvalid);
        database.close().await;
        assert_eq!(code(notes.get("n2").await), ErrorCode::DatabaseClosed);
    });
}

#[test]
fn many_documents_are_put_in_one_call_also_when_they_are_more_than_one_entry_carries() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let notes = database.collection::<Note>("notes");
        let long = "x".repeat(2_000);
        notes.put_many((0..2_000).map(|n| (format!("n{n:04}"), note(&long, n)))).await.unwrap();
        assert_eq!(notes.all().count().await.unwrap(), 2_000);
        notes.put_many([("n0000", note("first", 1)), ("n0000", note("last", 2))]).await.unwrap();
        assert_eq!(notes.get("n0000").await.unwrap(), Some(note("last", 2)));
        notes.put_many(Vec::<(String, Note)>::new()).await.unwrap();
        database.close().await;
    });
}

#[test]
fn reopening_keeps_everything_plain_and_encrypted() {
    wait_for(async {
        let with_passphrase = |options: Options| options.passphrase("eleven grey herons");
        for protect in [|options| options, Options::encrypted, with_passphrase] {
            let folder = Folder::fresh();
            let database = Database::open(protect(options(&folder))).await.unwrap();
            let notes = database.collection::<Note>("notes").strict();
            notes.put_many((0..300).map(|n| (format!("n{n:03}"), note("kept", n)))).await.unwrap();
            database.close().await;

            let database = Database::open(protect(options(&folder))).await.unwrap();
            let notes = database.collection::<Note>("notes");
            assert_eq!(notes.all().count().await.unwrap(), 300);
            assert_eq!(notes.get("n299").await.unwrap(), Some(note("kept", 299)));
            database.close().await;
        }
    });
}

#[test]
fn an_encrypted_database_holds_no_word_that_was_written() {
    wait_for(async {
        let folder = Folder::fresh();
        for (options, found) in [
            (options(&folder), true),
            (Options::at(folder.path("sealed.ashore")).secrets_in_files().encrypted(), false),
        ] {
            let database = Database::open(options.clone()).await.unwrap();
            database.collection::<Note>("canaries").put("kanarienvogel", &note("wellensittich", 1)).await.unwrap();
            database.close().await;
            let name = if found { "notes.ashore" } else { "sealed.ashore" };
            let bytes = std::fs::read(folder.path(name)).unwrap();
            let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert_eq!(holds("kanarienvogel"), found, "a plain file shows that the search works");
            assert_eq!(holds("wellensittich"), found);
        }
    });
}

#[test]
fn a_passphrase_locks_and_opens_for_every_handle() {
    wait_for(async {
        let folder = Folder::fresh();
        let with = |passphrase: &str| options(&folder).passphrase(passphrase);
        let database = Database::open(with("eleven grey herons")).await.unwrap();
        let notes = database.collection::<Note>("notes");
        notes.put("n1", &note("Milk", 1)).await.unwrap();
        let other = Database::over(database.engine()).unwrap();
        let info = database.lock().await.unwrap();
        assert!(info.locked);
        assert_eq!(code(other.collection::<Note>("notes").get("n1").await), ErrorCode::KeyLocked);
        assert_eq!(code(database.unlock("not the passphrase").await), ErrorCode::KeyBadPassphrase);
        other.unlock("eleven grey herons").await.unwrap();
        assert_eq!(notes.get("n1").await.unwrap(), Some(note("Milk", 1)));
        database.close().await;
        assert_eq!(code(Database::open(with("another passphrase")).await), ErrorCode::KeyBadPassphrase);
        let locked = Database::open(options(&folder)).await.unwrap();
        assert_eq!(code(locked.collection::<Note>("notes").get("n1").await), ErrorCode::KeyLocked);
        locked.call(Command::WipeKeys {}).await.unwrap();
        assert_eq!(code(locked.unlock("eleven grey herons").await), ErrorCode::KeyWiped);
        locked.close().await;
    });
}

#[test]
fn nothing_is_opened_before_somebody_said_where_secrets_go() {
    wait_for(async {
        let folder = Folder::fresh();
        let opened = Database::open(Options::at(folder.path("notes.ashore"))).await;
        assert_eq!(code(opened), ErrorCode::HostUnsupported);
        assert_eq!(code(Database::open(Options::in_memory().encrypted()).await), ErrorCode::HostUnsupported);
    });
}

#[test]
fn no_file_is_made_before_the_database_is_opened() {
    wait_for(async {
        let folder = Folder::fresh();
        let files = || std::fs::read_dir(folder.path("")).unwrap().count();
        let encrypted = options(&folder).encrypted();
        assert_eq!(files(), 0);
        Database::open(encrypted).await.unwrap().close().await;
        assert!(files() > 0);
    });
}

#[test]
fn a_database_whose_secret_is_gone_says_so_and_stays_as_it_is() {
    wait_for(async {
        for protect in [|options| options, Options::encrypted] {
            let folder = Folder::fresh();
            let database = Database::open(protect(options(&folder))).await.unwrap();
            database.collection("notes").put("n1", &note("Milk", 1)).await.unwrap();
            database.close().await;
            let files = std::fs::read_dir(folder.path("")).unwrap().map(|file| file.unwrap().path());
            let secret = files.into_iter().find(|file| file.extension().is_some_and(|it| it == "secret")).unwrap();
            let (bytes, before) =
                (std::fs::read(&secret).unwrap(), std::fs::read(folder.path("notes.ashore")).unwrap());
            std::fs::remove_file(&secret).unwrap();
            assert_eq!(code(Database::open(protect(options(&folder))).await), ErrorCode::StoreCorrupt);
            assert!(!secret.exists() && std::fs::read(folder.path("notes.ashore")).unwrap() == before);
            std::fs::write(&secret, bytes).unwrap();
            let database = Database::open(protect(options(&folder))).await.unwrap();
            assert_eq!(database.collection("notes").get("n1").await.unwrap(), Some(note("Milk", 1)));
            database.close().await;
        }
    });
}

#[test]
fn a_second_handle_on_the_file_is_told_that_it_is_locked() {
    wait_for(async {
        let folder = Folder::fresh();
        let first = open(&folder).await;
        assert_eq!(code(Database::open(options(&folder)).await), ErrorCode::StoreLocked);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path("notes.ashore"), folder.path("another-name")).unwrap();
            let by_another_name = Options::at(folder.path("another-name")).secrets_in_files();
            assert_eq!(code(Database::open(by_another_name).await), ErrorCode::StoreLocked);
        }
        first.close().await;
        open(&folder).await.close().await;
    });
}

#[test]
fn a_dropped_database_commits_what_waits_and_lets_go() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder).await;
        let put = database.collection::<Note>("notes").put("n1", &note("Milk", 1)).now_or_never();
        assert!(put.is_none(), "it is on its way");
        drop(database);
        let database = loop {
            match Database::open(options(&folder)).await {
                Ok(database) => break database,
                Err(failure) => assert_eq!(failure.code, ErrorCode::StoreLocked),
            }
        };
        assert_eq!(database.collection::<Note>("notes").get("n1").await.unwrap(), Some(note("Milk", 1)));
        database.close().await;
    });
}

#[test]
fn puts_of_one_document_at_once_follow_one_another() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let notes = database.collection::<Note>("notes");
        notes.put("n1", &note("Milk", 0)).await.unwrap();
        let added = join_all((0..50).map(|_| notes.update("n1", |note| note.rank += 1))).await;
        assert!(added.into_iter().all(|updated| updated.unwrap()));
        assert_eq!(notes.get("n1").await.unwrap(), Some(note("Milk", 50)));
        database.close().await;
    });
}

#[test]
fn a_put_changes_only_what_its_handle_changed() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let mine = database.collection::<Note>("notes");
        mine.put("n1", &note("Milk", 1)).await.unwrap();
        let theirs = Database::over(database.engine()).unwrap().collection::<Note>("notes");
        theirs.update("n1", |note| note.rank = 7).await.unwrap();
        mine.put("n1", &note("Oat milk", 1)).await.unwrap();
        assert_eq!(theirs.get("n1").await.unwrap(), Some(note("Oat milk", 7)));
        database.close().await;
    });
}

#[test]
fn a_transaction_is_there_whole_or_not_at_all() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let notes = database.collection::<Note>("notes");
        notes.put("n1", &note("Milk", 1)).await.unwrap();
        let mut both = database.transaction();
        both.put("notes", "n2", &note("Bread", 2)).unwrap();
        both.modify("notes", "n1", &json!({ "$set": { "rank": 5 } }));
        both.delete("notes", "n3");
        both.commit_strict().await.unwrap();
        assert_eq!(notes.get_many(["n1", "n2"]).await.unwrap(), [Some(note("Milk", 5)), Some(note("Bread", 2))]);
        let mut refused = database.transaction();
        refused.put("notes", "n4", &note("Eggs", 4)).unwrap();
        refused.modify("notes", "n1", &json!({ "$push": { "rank": 5 } }));
        assert_eq!(code(refused.commit().await), ErrorCode::UpdateNotApplicable);
        assert_eq!(notes.get("n4").await.unwrap(), None);
        drop(database.transaction());
        database.close().await;
    });
}

#[test]
fn a_watch_shows_every_handle_s_writes_in_order() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let notes = database.collection::<Note>("notes");
        notes.put("n1", &note("Milk", 5)).await.unwrap();
        let mut watch = notes.find(json!({ "rank": { "$gt": 0 } })).sort("rank").watch().unwrap();
        assert_eq!(watch.next().await.unwrap().unwrap(), [("n1".into(), note("Milk", 5))]);
        let other = Database::over(database.engine()).unwrap().collection::<Note>("notes");
        other.put("n2", &note("Bread", 1)).await.unwrap();
        let two = [("n2".into(), note("Bread", 1)), ("n1".into(), note("Milk", 5))];
        assert_eq!(watch.next().await.unwrap().unwrap(), two);
        other.modify("n1", &json!({ "$set": { "rank": 0 } })).await.unwrap();
        assert_eq!(watch.next().await.unwrap().unwrap(), [("n2".into(), note("Bread", 1))]);
        database.close().await;
        assert!(watch.next().await.is_none());
    });
}

#[test]
fn events_name_what_changed_and_end_with_the_database() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let mut events = database.events();
        database.collection::<Note>("notes").put("n1", &note("Milk", 5)).await.unwrap();
        let changes = loop {
            if let Event::Changed { changes, missed: false } = events.next().await.unwrap() {
                break changes;
            }
        };
        assert_eq!((changes[0].collection.as_str(), changes[0].ids.len()), ("notes", 1));
        database.close().await;
        let rest: Vec<Event> = events.collect().await;
        assert!(rest.iter().all(|event| !matches!(event, Event::Changed { .. })), "{rest:?}");
    });
}

/// A page of a webview, as far as this side sees it.
struct Page(Mutex<mpsc::Sender<News>>);

impl PortListener for Page {
    fn news(&self, news: &[u8]) {
        let _ = self.0.lock().unwrap().send(decode(news).unwrap());
    }

    fn ended(&self, _: &Failure) {}
}

fn page() -> (Arc<Page>, mpsc::Receiver<News>) {
    let (sender, news) = mpsc::channel();
    (Arc::new(Page(Mutex::new(sender))), news)
}

fn calls(client: &str, id: u64, command: Command) -> Vec<u8> {
    encode(&Calls { client: client.into(), received: id - 1, calls: vec![Call { id, command }] })
}

#[test]
fn a_page_that_speaks_bytes_and_rust_share_one_database() {
    wait_for(async {
        let engine = Engine::open(Options::in_memory()).await.unwrap();
        let database = Database::over(engine.clone()).unwrap();
        let mut events = database.events();
        let (listener, news) = page();
        let port = engine.port(listener);
        let put = Write::Put {
            collection: "notes".into(),
            ids: vec!["n1".into()],
            documents: r#"[{"title":"Milk","rank":1}]"#.into(),
            bases: vec![None],
        };
        let write = Command::Write { writes: vec![put], durability: Durability::Strict, split: false };
        port.send(&calls("page-1", 1, write)).unwrap();
        let answer = news.iter().find_map(|news| news.answers.into_iter().next()).unwrap();
        assert!(matches!(answer.outcome, Outcome::Ok(Reply::Written { .. })));
        while !matches!(events.next().await.unwrap(), Event::Changed { .. }) {}
        let notes = database.collection::<Note>("notes");
        assert_eq!(notes.get("n1").await.unwrap(), Some(note("Milk", 1)));
        notes.put("n2", &note("Bread", 2)).await.unwrap();
        let heard = news
            .iter()
            .flat_map(|news| news.events)
            .find(|event| matches!(event, Event::Changed { changes, .. } if changes[0].ids == ["n2"]));
        assert!(heard.is_some());
        assert_eq!(code(port.send(b"noise")), ErrorCode::RequestInvalid);
        let newer = b"\xa3\x66client\x61p\x68received\x00\x65calls\x81\xa2\x62id\x07\x67command\xa1\x64sing\xa0";
        port.send(newer).unwrap();
        let refused = news.iter().find_map(|news| news.answers.into_iter().find(|answer| answer.id == 7)).unwrap();
        assert!(matches!(refused.outcome, Outcome::Failed(failure) if failure.code == ErrorCode::HostOutdated));
        engine.close().await;
    });
}

#[test]
fn a_page_hears_only_its_own_answers() {
    wait_for(async {
        let engine = Engine::open(Options::in_memory()).await.unwrap();
        let ((one, heard_one), (two, heard_two)) = (page(), page());
        let (port_one, port_two) = (engine.port(one), engine.port(two));
        port_one.send(&calls("one", 1, Command::Ping { text: "a".into() })).unwrap();
        port_two.send(&calls("two", 1, Command::Ping { text: "b".into() })).unwrap();
        engine.close().await;
        drop((port_one, port_two, engine));
        for (heard, text) in [(heard_one, "a"), (heard_two, "b")] {
            let pongs: Vec<Outcome> = heard.iter().flat_map(|news| news.answers).map(|answer| answer.outcome).collect();
            assert_eq!(pongs, [Outcome::Ok(Reply::Pong { text: text.into() })]);
        }
    });
}
