//! Secrets in the system's keychain. Needs one that is open, so it is asked for by hand (CONTRIBUTING.md has the line).
#![cfg(feature = "keychain")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::secrets::{Keychain, Secrets};
use ashore_native::{Database, Options};
use folder::Folder;
use serde_json::{Value, json};
use std::sync::Arc;

#[test]
#[ignore = "needs an open keychain"]
fn a_database_opens_again_with_the_keychain_s_secret() {
    wait_for(async {
        let folder = Folder::fresh();
        let keychain = Keychain::of_app("org.example.ashore-tests");
        assert!(keychain.load("there is none").unwrap().is_none());
        for encrypt in [false, true] {
            let path = folder.path(if encrypt { "sealed.ashore" } else { "plain.ashore" });
            let options = || {
                let options = Options::at(&path).secrets_in(Arc::new(keychain.clone()));
                if encrypt { options.encrypted() } else { options }
            };
            let database = Database::open(options()).await.unwrap();
            database.collection::<Value>("notes").put("n1", &json!({ "title": "Milk" })).await.unwrap();
            database.close().await;
            let database = Database::open(options()).await.unwrap();
            assert!(database.collection::<Value>("notes").get("n1").await.unwrap().is_some());
            database.close().await;
        }
        let secrets = std::fs::read_dir(folder.path("")).unwrap();
        assert!(secrets.map(|file| file.unwrap().file_name()).all(|name| !name.to_string_lossy().ends_with(".secret")));
    });
}
