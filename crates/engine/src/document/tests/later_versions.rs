//! Documents as other writers of Automerge make them: marks, unknown scalars, and rows from before there were texts and counters.

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ObjType, ROOT, ReadDoc, ScalarValue};

use super::replica::{Replica, value};
use crate::document::edit::{self, Actor};

/// A replica of a document as a later version writes it, and that version's document.
fn later() -> (Replica, AutoCommit) {
    let mut doc = AutoCommit::new().with_actor(ActorId::from([9; 16]));
    let text = doc.put_object(ROOT, "text", ObjType::Text).unwrap();
    doc.splice_text(&text, 0, 0, "hello").unwrap();
    doc.mark(&text, Mark::new("bold".into(), true, 0, 2), ExpandMark::Both).unwrap();
    doc.put(ROOT, "count", ScalarValue::counter(5)).unwrap();
    doc.put(ROOT, "below", ScalarValue::counter(-5)).unwrap();
    doc.put(ROOT, "nan", f64::NAN).unwrap();
    doc.put(ROOT, "whole", 5.0).unwrap();
    doc.put(ROOT, "plain", 1_u64).unwrap();
    let mut replica = Replica::new(1);
    replica.merge(&doc.save_nocompress());
    (replica, doc)
}

fn back(replica: &Replica) -> AutoCommit {
    AutoCommit::load(&replica.whole()).unwrap()
}

const READ: &str = r#"{"below":{"$ashore":["counter",-5]},"count":{"$ashore":["counter",5]},"nan":null,"plain":1,"text":{"$ashore":["text","hello"]},"whole":5}"#;

#[test]
fn text_and_counters_of_other_writers_are_values_of_their_own() {
    assert_eq!(later().0.text(), READ);
}

/// A row that an earlier version made of the same chunks: text read as a string, counters as numbers.
fn plain_row(replica: &mut Replica) -> &'static str {
    const PLAIN: &str = r#"{"below":-5.0,"count":5,"nan":null,"plain":1,"text":"hello","whole":5}"#;
    if let Some(row) = &mut replica.row {
        row.value = value(PLAIN).encode().unwrap();
    }
    PLAIN
}

#[test]
fn a_put_over_a_row_from_before_there_were_texts_and_counters_edits_them() {
    let (mut replica, mut doc) = later();
    let plain = plain_row(&mut replica);
    let put =
        |new: &str| replica.with_current(|current| edit::put(current, None, &value(new), Actor([1; 16]), 0)).unwrap();
    assert_eq!(put(plain).edited, None);
    let edited = put(&plain.replace("hello", "hello you").replace("\"count\":5", "\"count\":7")).edited.unwrap();
    doc.load_incremental(&edited.change).unwrap();
    let (_, text) = doc.get(ROOT, "text").unwrap().unwrap();
    assert_eq!((doc.text(&text).unwrap().as_str(), doc.marks(&text).unwrap().len()), ("hello you", 1));
    let (count, _) = doc.get(ROOT, "count").unwrap().unwrap();
    assert!(count.is_counter() && count.as_i64() == Some(7), "{count:?}");
}

#[test]
fn a_put_elsewhere_keeps_text_marks_and_counters() {
    let (mut replica, _) = later();
    assert!(!replica.put(READ));
    assert!(replica.put(&READ.replace("\"plain\":1", "\"plain\":2")));
    let doc = back(&replica);
    let (value, text) = doc.get(ROOT, "text").unwrap().unwrap();
    assert!(matches!(value, automerge::Value::Object(ObjType::Text)));
    assert_eq!(doc.marks(&text).unwrap().len(), 1);
    assert!(doc.get(ROOT, "count").unwrap().unwrap().0.is_counter());
    assert!(matches!(doc.get(ROOT, "nan").unwrap().unwrap().0.as_f64(), Some(n) if n.is_nan()));
}

#[test]
fn a_put_of_text_and_counters_edits_them() {
    let (mut replica, mut doc) = later();
    assert!(replica.put(&READ.replace("hello", "hello you").replace("\"counter\",5", "\"counter\",7")));
    let (_, text) = doc.get(ROOT, "text").unwrap().unwrap();
    doc.splice_text(&text, 0, 0, "oh, ").unwrap();
    doc.increment(ROOT, "count", 10).unwrap();
    replica.merge(&doc.save_nocompress());
    assert_eq!(replica.text(), READ.replace("hello", "oh, hello you").replace("\"counter\",5", "\"counter\",17"));
}

#[test]
fn a_compressed_document_is_refused_rather_than_inflated() {
    let mut doc = AutoCommit::new();
    doc.put(ROOT, "text", "long ".repeat(1_000)).unwrap();
    assert!(edit::merge(None, &doc.save()).is_err());
    assert!(edit::merge(None, &doc.save_nocompress()).is_ok());
}
