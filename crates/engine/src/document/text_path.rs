//! Where in a document a text is.

use automerge::Prop;

use super::value::MAX_DEPTH;

/// Most bytes in a path.
const MAX_BYTES: usize = 1_024;

/// Names of fields, and numbers of items, from the document inwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPath(Vec<String>);

impl TextPath {
    /// The path that `text` is: names and numbers with dots between them. A field whose name has a dot cannot be named.
    ///
    /// ```
    /// use ashore_engine::document::TextPath;
    /// assert_eq!(TextPath::parse("parts.0.body").unwrap().to_string(), "parts.0.body");
    /// assert_eq!(TextPath::parse(""), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        let fits = !text.is_empty() && text.len() <= MAX_BYTES && steps.len() < MAX_DEPTH;
        fits.then_some(Self(steps))
    }

    /// All steps.
    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// The steps to the map or list that it is in, and the last one.
    pub(super) fn split(&self) -> (&[String], &str) {
        self.0.split_last().map_or((&[], ""), |(last, before)| (before, last))
    }

    /// The path along Automerge's properties, if it can be named.
    pub(super) fn along<'a>(props: impl Iterator<Item = &'a Prop>) -> Option<Self> {
        let step = |prop: &Prop| match prop {
            Prop::Map(key) if key.contains('.') => None,
            Prop::Map(key) => Some(key.to_string()),
            Prop::Seq(index) => Some(index.to_string()),
        };
        props.map(step).collect::<Option<Vec<_>>>().map(Self)
    }
}

impl std::fmt::Display for TextPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
