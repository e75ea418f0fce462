//! A document's version as pages hold it: a short text that names its heads, and what the page saw of what stays here.

use automerge::ChangeHash;
use data_encoding::BASE64URL_NOPAD;

/// How many bytes of each head a version keeps. Chosen hashes could collide only inside one document's history.
const PREFIX_BYTES: usize = 8;
/// More heads than any honest document ever has at once; a longer text is refused before it is parsed.
const MAX_HEADS: usize = 1_024;

/// How many bytes of a digest a version keeps.
pub const SEEN_BYTES: usize = 6;
/// A version names the digests of at most so many fields.
pub const MAX_SEEN: usize = 256;

/// The heads of a document, shortened: sorted, for each the first 8 bytes of its hash.
///
/// As text it is those bytes in base64url without padding, joined by "."; the empty text is a document that is not there.
/// Behind it stands, for a document of which something stays on this device, `~` and the digests of that (see [`Seen`]).
///
/// ```
/// use ashore_engine::document::Version;
/// let version = Version::parse("AAECAwQFBgc.CAkKCwwNDg8").unwrap();
/// assert_eq!(version.to_string(), "AAECAwQFBgc.CAkKCwwNDg8");
/// assert!(Version::parse("no version").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    heads: Vec<[u8; PREFIX_BYTES]>,
    seen: Seen,
}

/// What a page saw of the fields that stay on this device: a keyed digest of each of them, so that nothing of them is kept
/// beside them to know which a caller changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Nothing stayed here, or nothing was there.
    #[default]
    Nothing,
    /// These fields, sorted.
    Fields(Vec<[u8; SEEN_BYTES]>),
    /// More fields than [`MAX_SEEN`]: a put on it replaces all of them.
    Many,
}

impl Version {
    /// The version that `heads` are; their order does not matter.
    pub fn of(heads: &[ChangeHash]) -> Self {
        let mut prefixes: Vec<_> = heads.iter().map(prefix).collect();
        prefixes.sort_unstable();
        Self { heads: prefixes, seen: Seen::Nothing }
    }

    /// The version of a document that is not there yet: what a reader of nothing has read.
    pub fn absent() -> Self {
        Self { heads: Vec::new(), seen: Seen::Nothing }
    }

    /// The same heads, with what was seen of the fields that stay here.
    #[must_use]
    pub fn with_seen(&self, seen: Seen) -> Self {
        Self { heads: self.heads.clone(), seen }
    }

    /// What was seen of the fields that stay here.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether this is the version of a document that is not there.
    pub fn is_absent(&self) -> bool {
        self.heads.is_empty() && self.seen == Seen::Nothing
    }

    /// The version that `text` names; none when no version is written like it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::absent());
        }
        if text.len() > MAX_HEADS * 12 {
            return None;
        }
        let (heads, seen) = match text.split_once('~') {
            Some((heads, seen)) => (heads, Seen::parse(seen)?),
            None => (text, Seen::Nothing),
        };
        let prefixes = match heads {
            "" => Vec::new(),
            heads => heads.split('.').map(parse_prefix).collect::<Option<Vec<_>>>()?,
        };
        prefixes.is_sorted_by(|a, b| a <= b).then_some(Self { heads: prefixes, seen })
    }

    /// Whether a document with these heads is at this version.
    pub fn matches(&self, heads: &[ChangeHash]) -> bool {
        self.heads.len() == heads.len() && self.heads == Self::of(heads).heads
    }

    /// The hashes among `changes` that this version names, in its order; none when one is missing.
    pub(super) fn find(&self, changes: &[ChangeHash]) -> Option<Vec<ChangeHash>> {
        self.heads.iter().map(|wanted| changes.iter().find(|hash| prefix(hash) == *wanted).copied()).collect()
    }
}

impl Seen {
    /// The text behind the `~`.
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Many);
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (digests, rest) = bytes.as_chunks::<SEEN_BYTES>();
        let sorted = digests.is_sorted_by(|a, b| a < b);
        (rest.is_empty() && sorted && digests.len() <= MAX_SEEN).then(|| Self::Fields(digests.to_vec()))
    }

    /// The bytes that a row keeps of it.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Nothing | Self::Many => None,
            Self::Fields(digests) => Some(digests.concat()),
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, prefix) in self.heads.iter().enumerate() {
            let separator = if index == 0 { "" } else { "." };
            write!(f, "{separator}{}", BASE64URL_NOPAD.encode(prefix))?;
        }
        match &self.seen {
            Seen::Nothing => Ok(()),
            Seen::Many => f.write_str("~*"),
            Seen::Fields(digests) => write!(f, "~{}", BASE64URL_NOPAD.encode(&digests.concat())),
        }
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
    fn a_version_says_what_was_seen_of_what_stays_here() {
        let version = Version::of(&[ChangeHash([7; 32])]);
        for seen in [Seen::Nothing, Seen::Many, Seen::Fields(vec![]), Seen::Fields(vec![[1; 6], [2; 6]])] {
            for version in [version.with_seen(seen.clone()), Version::absent().with_seen(seen.clone())] {
                assert_eq!(Version::parse(&version.to_string()), Some(version.clone()), "{version}");
                assert_eq!(version.seen(), &seen);
            }
            assert!(version.with_seen(seen).matches(&[ChangeHash([7; 32])]));
        }
        assert!(!Version::parse("~").unwrap().is_absent(), "it is there, though nothing of it travels");
    }

    #[test]
    fn other_text_is_no_version() {
        for text in [
            "~AA",
            "~AgICAgICAQEBAQEB",
            "~~",
            "BwcHBwcHBwc~AQ",
            "~**",
            ".",
            "AwMDAwMDAwM.",
            "BwcHBwcHBwc.AwMDAwMDAwM",
            "AwMD",
            "AwMDAwMDAw+",
            "é",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
