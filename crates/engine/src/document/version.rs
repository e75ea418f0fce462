//! A document's version as pages hold it: a short text that names its heads.

use automerge::ChangeHash;
use data_encoding::BASE64URL_NOPAD;

/// How many bytes of each head a version keeps. Chosen hashes could collide only inside one document's history.
const PREFIX_BYTES: usize = 8;
/// More heads than any honest document ever has at once; a longer text is refused before it is parsed.
const MAX_HEADS: usize = 1_024;

/// The heads of a document, shortened: sorted, for each the first 8 bytes of its hash.
///
/// As text it is those bytes in base64url without padding, joined by "."; the empty text is a document that is not there.
///
/// ```
/// use ashore_engine::document::Version;
/// let version = Version::parse("AAECAwQFBgc.CAkKCwwNDg8").unwrap();
/// assert_eq!(version.to_string(), "AAECAwQFBgc.CAkKCwwNDg8");
/// assert!(Version::parse("no version").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(Vec<[u8; PREFIX_BYTES]>);

impl Version {
    /// The version that `heads` are; their order does not matter.
    pub fn of(heads: &[ChangeHash]) -> Self {
        let mut prefixes: Vec<_> = heads.iter().map(prefix).collect();
        prefixes.sort_unstable();
        Self(prefixes)
    }

    /// The version of a document that is not there yet: what a reader of nothing has read.
    pub fn absent() -> Self {
        Self(Vec::new())
    }

    /// Whether this is the version of a document that is not there.
    pub fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    /// The version that `text` names; none when no version is written like it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::absent());
        }
        if text.len() > MAX_HEADS * 12 {
            return None;
        }
        let prefixes = text.split('.').map(parse_prefix).collect::<Option<Vec<_>>>()?;
        prefixes.is_sorted_by(|a, b| a <= b).then_some(Self(prefixes))
    }

    /// Whether a document with these heads is at this version.
    pub fn matches(&self, heads: &[ChangeHash]) -> bool {
        self.0.len() == heads.len() && *self == Self::of(heads)
    }

    /// The hashes among `changes` that this version names, in its order; none when one is missing.
    pub(super) fn find(&self, changes: &[ChangeHash]) -> Option<Vec<ChangeHash>> {
        self.0.iter().map(|wanted| changes.iter().find(|hash| prefix(hash) == *wanted).copied()).collect()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, prefix) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "." };
            write!(f, "{separator}{}", BASE64URL_NOPAD.encode(prefix))?;
        }
        Ok(())
    }
}

fn prefix(hash: &ChangeHash) -> [u8; PREFIX_BYTES] {
    let mut bytes = [0; PREFIX_BYTES];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

fn parse_prefix(text: &str) -> Option<[u8; PREFIX_BYTES]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_version_names_its_heads_in_any_order() {
        let heads = [ChangeHash([7; 32]), ChangeHash([3; 32])];
        let version = Version::of(&heads);
        assert_eq!(version.to_string(), "AwMDAwMDAwM.BwcHBwcHBwc");
        assert_eq!(Version::parse(&version.to_string()), Some(version.clone()));
        assert!(version.matches(&[heads[1], heads[0]]));
        assert!(!version.matches(&heads[..1]));
        assert_eq!(version.find(&[ChangeHash([9; 32]), heads[0], heads[1]]), Some(vec![heads[1], heads[0]]));
        assert_eq!(version.find(&heads[..1]), None);
    }

    #[test]
    fn other_text_is_no_version() {
        for text in [".", "AwMDAwMDAwM.", "BwcHBwcHBwc.AwMDAwMDAwM", "AwMD", "AwMDAwMDAw+", "é"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
