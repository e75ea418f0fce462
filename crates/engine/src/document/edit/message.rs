//! What a change's message tells: that it deletes its document, and which change it takes back.
//!
//! `delete`, `undo HASH`, `redo HASH`, `delete undo HASH` or `delete redo HASH`, the hash in lower-case hex; or `keep`. `undo` takes back
//! that change; `redo` takes back that undo; `keep` is an empty change by which a write is known to be later than a delete (see [`super::bury`]). Any other message says nothing. Others may write what they like: a delete only
//! deletes what every head deletes, and only changes of this device are asked what they took back.

use automerge::ChangeHash;

/// Whether a change was taken back, or taking it back was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A change is taken back.
    Undo,
    /// An undo is taken back.
    Redo,
}

/// A change's message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::document) struct Message {
    /// There is no document from this change on.
    pub(in crate::document) deletes: bool,
    /// It takes this change back.
    pub(in crate::document) reverts: Option<(Direction, ChangeHash)>,
    /// It does nothing but rest on a delete and on what was written beside it.
    pub(in crate::document) keeps: bool,
}

const DELETE: &str = "delete";
const KEEP: &str = "keep";

impl Message {
    pub(super) const DELETE: Self = Self { deletes: true, reverts: None, keeps: false };
    pub(super) const KEEP: Self = Self { deletes: false, reverts: None, keeps: true };

    pub(in crate::document) fn parse(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        if text == DELETE {
            return Self::DELETE;
        }
        if text == KEEP {
            return Self::KEEP;
        }
        let (deletes, rest) = match text.strip_prefix("delete ") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let reverts = parse_reverts(rest);
        Self { deletes: deletes && reverts.is_some(), reverts, keeps: false }
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |direction| if direction == Direction::Undo { "undo" } else { "redo" };
        match (self.deletes, self.reverts) {
            (false, None) if self.keeps => f.write_str(KEEP),
            (false, None) => Ok(()),
            (true, None) => f.write_str(DELETE),
            (false, Some((direction, hash))) => write!(f, "{} {hash}", word(direction)),
            (true, Some((direction, hash))) => write!(f, "{DELETE} {} {hash}", word(direction)),
        }
    }
}

fn parse_reverts(text: &str) -> Option<(Direction, ChangeHash)> {
    let (word, hash) = text.split_once(' ')?;
    let direction = match word {
        "undo" => Direction::Undo,
        "redo" => Direction::Redo,
        _ => return None,
    };
    let bytes = data_encoding::HEXLOWER.decode(hash.as_bytes()).ok()?;
    Some((direction, ChangeHash(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_from_its_text() {
        let hash = ChangeHash([0xab; 32]);
        for deletes in [false, true] {
            for reverts in [None, Some((Direction::Undo, hash)), Some((Direction::Redo, hash))] {
                let message = Message { deletes, reverts, keeps: false };
                assert_eq!(Message::parse(Some(&message.to_string())), message);
            }
        }
        assert_eq!(Message::DELETE.to_string(), "delete");
        assert_eq!(Message::parse(Some(&Message::KEEP.to_string())), Message::KEEP);
    }

    #[test]
    fn other_messages_say_nothing() {
        let short = format!("delete undo {}", "ab".repeat(31));
        let upper = format!("undo {}", "AB".repeat(32));
        for text in ["", "Delete", "delete ", "undo", "undo ", "delete undo", "redo x", &short, &upper] {
            assert_eq!(Message::parse(Some(text)), Message::default(), "{text}");
        }
        assert_eq!(Message::parse(None), Message::default());
    }
}
