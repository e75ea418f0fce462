//! Exports, imports, checks and repairs through the Rust API, on real files.
#![allow(clippy::unwrap_used, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::api::Remedy;
use ashore_native::{Database, ErrorCode, Options};
use folder::Folder;
use serde_json::{Value, json};
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

const PASSPHRASE: &str = "eleven grey herons";

async fn open(path: &Path) -> Database {
    Database::open(Options::at(path).secrets_in_files()).await.unwrap()
}

async fn fill(database: &Database, count: u32) {
    let notes = (0..count).map(|n| (format!("n{n}"), json!({ "title": format!("Note {n}"), "rank": n })));
    database.collection::<Value>("notes").put_many(notes).await.unwrap();
}

#[test]
fn an_export_of_one_file_makes_the_same_documents_in_another() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder.path("a.ashore")).await;
        fill(&database, 1_200).await;
        let (mut file, mut told) = (Vec::new(), Vec::new());
        let done = database.export(PASSPHRASE, &mut file, |progress| told.push(progress)).await.unwrap();
        assert_eq!((done.documents, done.bytes), (1_200, file.len() as u64));
        assert!(told.len() > 1 && told.windows(2).all(|pair| matches!(pair, [a, b] if a.bytes < b.bytes)));

        let copy = open(&folder.path("b.ashore")).await;
        let mut trials = 0;
        let taken = copy.import(PASSPHRASE, &mut Cursor::new(&file), |p| trials += u32::from(p.trial)).await.unwrap();
        assert_eq!((taken.documents, taken.bytes, taken.trial), (1_200, file.len() as u64, false));
        assert!(trials > 0, "the file was not opened before it was written");
        let [here, there] = [&database, &copy].map(|database| database.collection::<Value>("notes"));
        assert_eq!(there.all().rows().await.unwrap(), here.all().rows().await.unwrap());

        let again = copy.import(PASSPHRASE, &mut Cursor::new(&file), |_| {}).await.unwrap_err();
        assert_eq!(again.code, ErrorCode::ImportNotEmpty);
    });
}

#[test]
fn a_file_that_is_cut_off_changed_or_opened_wrongly_is_refused_and_nothing_is_taken() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder.path("a.ashore")).await;
        fill(&database, 20).await;
        let mut file = Vec::new();
        database.export(PASSPHRASE, &mut file, |_| {}).await.unwrap();
        let weak = database.export("password", &mut Vec::new(), |_| {}).await.unwrap_err();
        assert_eq!(weak.code, ErrorCode::ExportWeakPassphrase);

        let copy = open(&folder.path("b.ashore")).await;
        let changed = |at: usize| {
            let mut bytes = file.clone();
            *bytes.get_mut(at).unwrap() ^= 0x80;
            bytes
        };
        let last = file.len() - 1;
        let spoiled = [
            (PASSPHRASE, file.get(..last).unwrap().to_vec(), ErrorCode::ExportTruncated),
            (PASSPHRASE, file.get(..last / 2).unwrap().to_vec(), ErrorCode::ExportTruncated),
            (PASSPHRASE, changed(last), ErrorCode::ExportDamaged),
            (PASSPHRASE, b"no export at all".to_vec(), ErrorCode::ExportForeign),
            (PASSPHRASE, vec![], ErrorCode::ExportForeign),
            ("eleven grey geese", file.clone(), ErrorCode::ExportWrongPassphrase),
        ];
        for (passphrase, bytes, code) in spoiled {
            let refused = copy.import(passphrase, &mut Cursor::new(bytes), |_| {}).await.unwrap_err();
            assert_eq!(refused.code, code, "{refused}");
        }
        assert_eq!(copy.collections().await.unwrap(), Vec::<String>::new());
        copy.import(PASSPHRASE, &mut Cursor::new(file), |_| {}).await.unwrap();
    });
}

#[test]
fn a_check_names_the_document_whose_row_was_overwritten_and_a_repair_mends_it() {
    wait_for(async {
        let folder = Folder::fresh();
        let path = folder.path("a.ashore");
        let database = open(&path).await;
        fill(&database, 30).await;
        database.close().await;
        let sqlite = rusqlite::Connection::open(&path).unwrap();
        let one = "SELECT key FROM store_row WHERE instr(key, CAST('n7' AS BLOB)) > 0 ORDER BY key DESC LIMIT 1";
        let spoil = format!("UPDATE store_row SET crc = crc + 1 WHERE key = ({one})");
        assert_eq!(sqlite.execute(&spoil, []).unwrap(), 1);
        drop(sqlite);

        let database = open(&path).await;
        let mut found = Vec::new();
        let counts = database.check(|page| found.extend(page.found.clone())).await.unwrap();
        assert!(counts.documents >= 29, "{counts:?}");
        assert!(found.iter().any(|finding| finding.id.as_deref() == Some("n7")), "{found:?}");

        let mut mended = Vec::new();
        database.repair(Duration::ZERO, |page| mended.extend(page.found.clone())).await.unwrap();
        assert!(mended.iter().any(|mended| mended.remedy == Remedy::Restored), "{mended:?}");
        let mut left = Vec::new();
        database.check(|page| left.extend(page.found.clone())).await.unwrap();
        assert_eq!(left, []);
        let note = database.collection::<Value>("notes").get("n7").await.unwrap();
        assert_eq!(note, Some(json!({ "title": "Note 7", "rank": 7 })));
    });
}
