//! Migrations: what an app makes of a document of an older shape, as a change that is the same on every device.
//!
//! Two devices that both migrate a document and then edit it would otherwise write the migrated fields twice, side by side, and
//! the one whose fields win would take back the other's edit. So the change has no time, and its actor is a hash of where it
//! stands and what it makes: made twice, it is one change.

use automerge::{ActorId, ChangeHash};

use super::{Current, EditError, Put, apply, corrupt, heads_of, is_deleted, read, try_change};
use crate::document::value::Value;
use crate::document::version::Version;

const CONTEXT: &str = "ashore migration v1: who writes it";

/// Makes the document at `base` what a migration made of it. Nothing changes when it is deleted, or when the same migration is
/// here already. The answered version is the one at which the document is `new`.
///
/// ```
/// use ashore_engine::document::edit::{Actor, Current, create, migrate};
/// use ashore_engine::document::json;
/// let parse = |text| json::parse_one(text).unwrap();
/// let old = create(&parse(r#"{"name":"Ada"}"#), Actor([1; 16]), 0).unwrap();
/// let chunks = [old.write.bytes.as_slice()];
/// let current = Current { row: &old.row, chunks: &chunks };
/// let new = parse(r#"{"$version":2,"first":"Ada"}"#);
/// let here = migrate(current, &old.row.version(), &new).unwrap();
/// let there = migrate(current, &old.row.version(), &new).unwrap();
/// assert_eq!(here.edited.unwrap().change, there.edited.unwrap().change);
/// ```
pub fn migrate(current: Current<'_>, base: &Version, new: &Value) -> Result<Put, EditError> {
    let encoded = new.encode()?;
    let unchanged = |version: Version| Ok(Put { version, edited: None });
    let mut doc = current.load()?;
    let heads = heads_of(&doc, base)?;
    if current.row.deleted || is_deleted(&doc, &heads) {
        return unchanged(base.clone());
    }
    let writer = writer(&heads, &encoded);
    if let Some(known) = doc.get_changes_meta(&[]).iter().find(|change| *change.actor == writer) {
        return unchanged(Version::of(&[known.hash]));
    }
    let mut then = doc.fork_at(&heads).map_err(corrupt)?.with_actor(writer);
    let old = read::document(&then, None);
    let Some(change) = try_change(&mut then, None, 0, |tx| apply::difference(tx, &old, new))? else {
        return unchanged(base.clone());
    };
    doc.apply_changes([change.clone()]).map_err(corrupt)?;
    let value = read::document(&doc, None).to_bytes();
    Ok(Put { version: Version::of(&[change.hash()]), edited: Some(current.edited(&doc, &[change], None, value)) })
}

fn writer(heads: &[ChangeHash], new: &[u8]) -> ActorId {
    let mut hash = blake3::Hasher::new_derive_key(CONTEXT);
    for head in heads {
        hash.update(&head.0);
    }
    hash.update(new);
    let mut name = [0; 16];
    hash.finalize_xof().fill(&mut name);
    ActorId::from(&name[..])
}
