//! Filters, modifiers, orders, projections and searches, as JSON and text from an app that passes on what people typed.

use ashore_engine::document::{DocumentId, Value, json};
use ashore_engine::query::{Bounds, Filter, Modifiers, Path, Projection, Sort};
use ashore_engine::search::{Search, words};
use std::sync::OnceLock;

/// How many ways there are to read the bytes.
pub const KINDS: u8 = 5;

const DOCUMENTS: [&str; 4] = [
    r#"{"a":1,"b":[1,2,{"c":"x"},[3]],"c":{"a":null,"b":"Zürich"},"d":{"$ashore":["date",5]},"n":{"$ashore":["counter",3]}}"#,
    r#"{"a":"text","b":{"$ashore":["text","some words"]},"c":[],"e":{"$ashore":["bytes","AAEC"]}}"#,
    r#"{"a":-0.0,"b":{"$ashore":["bigint","18446744073709551615"]},"c":[[],{},null,true]}"#,
    "{}",
];

fn documents() -> &'static [(Value, Vec<u8>)] {
    static PARSED: OnceLock<Vec<(Value, Vec<u8>)>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let parsed = DOCUMENTS.iter().map(|text| json::parse_one(text).unwrap());
        parsed.map(|value| (value.clone(), value.encode().unwrap())).collect()
    })
}

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    if kind % KINDS == 4 {
        return search(&text);
    }
    let Ok(asked) = json::parse_one(&text) else { return };
    match kind % KINDS {
        0 => filter(&asked),
        1 => {
            let Ok(modifiers) = Modifiers::parse(&asked) else { return };
            for (document, _) in documents() {
                // What a modifier makes may be no document; what it makes of a document that stays one is one that reads back.
                if let Ok(modified) = modifiers.apply(document)
                    && let Ok(encoded) = modified.encode()
                {
                    assert_eq!(Value::decode(&encoded).as_ref(), Ok(&modified));
                }
            }
        }
        2 => {
            let Ok(sort) = Sort::parse(&asked) else { return };
            let id = DocumentId::parse("n1").unwrap();
            documents().iter().for_each(|(document, _)| drop((sort.key(&id, document), sort.by().len())));
        }
        _ => {
            let Ok(projection) = Projection::parse(&asked) else { return };
            documents().iter().for_each(|(document, _)| drop(projection.of(document)));
        }
    }
}

fn filter(asked: &Value) {
    let Ok(filter) = Filter::parse(asked) else { return };
    for (document, encoded) in documents() {
        let matches = filter.matches(document);
        assert_eq!(filter.matches_encoded(encoded), Ok(matches), "a filter holds for a document however it is read");
    }
    for name in ["a", "b.c", "c.a"] {
        let path = Path::parse(name).unwrap();
        for multi in [false, true] {
            let _: Bounds = filter.bounds(&path, multi);
        }
    }
}

fn search(text: &str) {
    let _ = words(text).count();
    for (prefix, all) in [(false, false), (true, true)] {
        if let Ok(search) = Search::parse(text, prefix, all) {
            let terms = search.terms.len();
            assert!(search.clauses.iter().all(|clause| clause.terms.iter().all(|term| *term < terms)));
            let _ = (search.wanted().count(), search.has_phrases());
        }
    }
}
