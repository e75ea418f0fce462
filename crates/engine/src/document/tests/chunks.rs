//! Chunks that nobody honest sends.

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, Change, ExpandedChange, ROOT};
use proptest::prelude::*;

use super::arbitrary::small_document;
use super::replica::Replica;
use crate::document::chunk::{self, ChunkError};
use crate::document::edit::{self, MergeError};

/// Chunks of a document with some history.
fn history(documents: &[crate::document::Value]) -> (Vec<u8>, Vec<u8>) {
    let mut alice = Replica::with(1, r#"{"list":[1,2,{"x":"y"}],"bytes":{"$ashore":["bytes","AQID"]}}"#);
    for document in documents {
        alice.put_value(None, document).unwrap();
    }
    alice.delete();
    (alice.whole(), alice.sent.concat())
}

const FIRST: &str = r#"{"list":[1,2,{"x":"y"}],"bytes":{"$ashore":["bytes","AQID"]},"s":"text","f":1.5,"n":null}"#;

fn later_edits() -> Replica {
    let mut alice = Replica::with(1, FIRST);
    alice.put(r#"{"list":[1,5,{"x":"z"},7],"s":"text","f":2.5,"n":{"a":{}},"b":true}"#);
    alice.put(r#"{"list":[5,{"x":"z","y":1},7,8],"f":2.5,"n":{"a":{"q":1}}}"#);
    alice
}

pub(super) type ChangedBytes = Vec<(prop::sample::Index, u8)>;

pub(super) fn changed_bytes() -> impl Strategy<Value = ChangedBytes> {
    proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

pub(super) fn with_changed_bytes(chunk: &[u8], changes: &ChangedBytes) -> Vec<u8> {
    let mut bytes = chunk.to_vec();
    for (at, byte) in changes {
        bytes[8 + at.index(chunk.len() - 8)] = *byte;
    }
    with_right_checksum(&bytes)
}

/// The chunk with the checksum that its bytes ask for, as a hostile member of the group can write it.
fn with_right_checksum(chunk: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    let mut chunk = chunk.to_vec();
    let sum = sha2::Sha256::digest(&chunk[8..]);
    chunk[4..8].copy_from_slice(&sum[..4]);
    chunk
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn honest_chunks_pass(documents in proptest::collection::vec(small_document(), 0..6)) {
        let (whole, changes) = history(&documents);
        prop_assert_eq!(chunk::split(&whole).unwrap().len(), 1);
        let split = chunk::split(&changes).unwrap();
        prop_assert_eq!(split.iter().map(|chunk| chunk.bytes).collect::<Vec<_>>().concat(), changes.clone());
        prop_assert!(split.len() >= 2);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(edit::merge(None, &bytes).is_err());
        prop_assert!(edit::whole(&[&bytes]).is_err());
        let framed = [&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, bytes.first().copied().unwrap_or(0) & 1], &bytes[..]].concat();
        prop_assert!(edit::merge(None, &framed).is_err());
    }

    #[test]
    fn cut_chunks_are_refused(cut in any::<prop::sample::Index>()) {
        let (whole, changes) = history(&[]);
        let honest = chunk::split(&changes).unwrap()[0].bytes.len();
        prop_assert!(edit::merge(None, &whole[..cut.index(whole.len())]).is_err());
        let cut = cut.index(changes.len());
        prop_assert_eq!(edit::merge(None, &changes[..cut]).is_ok(), cut == honest);
    }

    #[test]
    fn changed_changes_with_a_right_checksum_never_panic(changes in changed_bytes()) {
        let alice = later_edits();
        for honest in &alice.sent {
            let bytes = with_changed_bytes(honest, &changes);
            let _ = edit::merge(None, &bytes);
            for known in [Replica::with(1, FIRST), alice.clone()] {
                let _ = known.with_current(|current| edit::merge(current, &bytes));
            }
        }
    }

    #[test]
    fn changed_documents_with_a_right_checksum_are_caught(changes in changed_bytes()) {
        let bytes = with_changed_bytes(&later_edits().whole(), &changes);
        let _ = edit::merge(None, &bytes);
    }
}

#[test]
fn a_few_bytes_that_stand_for_a_billion_rows_are_refused() {
    // One change with one column (actions, run-length encoded): a run of so many rows of the same action.
    let change = |run: &[u8]| {
        let head = [&[0, 16][..], &[9; 16], &[1, 1, 0, 0, 0, 1, 0x42, run.len() as u8 + 1]].concat();
        let body = [&head[..], run, &[1]].concat();
        with_right_checksum(&[&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1, body.len() as u8], &body[..]].concat())
    };
    assert!(chunk::split(&change(&[5])).is_ok());
    for run in [&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01][..], &[0xff; 8], &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
        let refused = edit::merge(None, &change(run));
        assert!(
            matches!(refused, Err(MergeError::Chunk(ChunkError::TooManyRows | ChunkError::Malformed))),
            "{refused:?}"
        );
    }
}

#[test]
fn a_history_that_counts_too_far_is_refused() {
    let mut doc = AutoCommit::new().with_actor(ActorId::from([9; 16]));
    doc.put(ROOT, "a", 1_u64).unwrap();
    let mut expanded: ExpandedChange = doc.get_last_local_change().unwrap().decode();
    for start in [1 << 20, 1 << 50, u64::MAX - 10] {
        expanded.start_op = start.try_into().unwrap();
        let change = Change::from(expanded.clone());
        assert_eq!(edit::merge(None, change.raw_bytes()).is_ok(), start == 1 << 20, "{start}");
    }
}

#[test]
fn the_same_sequence_number_twice_is_refused() {
    let alice = Replica::with(1, r#"{"a":1}"#);
    let twin = Replica::with(1, r#"{"a":2}"#);
    let refused = alice.with_current(|current| edit::merge(current, &twin.sent[0]));
    assert!(matches!(refused, Err(MergeError::Refused(_))), "{refused:?}");
}

#[test]
fn other_kinds_of_chunks_are_refused() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    alice.put(r#"{"a":2}"#);
    let mut other = alice.sent[0].clone();
    for kind in [2, 3, 4, 255] {
        other[8] = kind;
        assert_eq!(chunk::split(&with_right_checksum(&other)), Err(ChunkError::UnknownKind));
    }
    assert_eq!(chunk::split(&[]), Err(ChunkError::Malformed));
}
