//! What an index is, and the row in which a collection keeps the definitions of its own.
//!
//! The row is a CBOR array `[1, [index, ...]]`; see docs/protocol.md.

use crate::query::{Direction, Path};
use crate::search::{Statistics, WORDS_VERSION};
use crate::store::Range;
use crate::store::keys::index_range;
use minicbor::{Decode, Encode};

use super::{MAX_INDEX_FIELDS, MAX_INDEX_NAME_BYTES, MAX_INDEXES, MAX_WEIGHT};

/// The row's format.
const FORMAT: u8 = 1;

/// One index of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDef {
    /// Its rows are kept under this number. Another index never gets it, not even one of the same name.
    pub number: u32,
    /// What the app calls it.
    pub name: String,
    /// What it orders by, the most important first; 1 to [`MAX_INDEX_FIELDS`].
    pub fields: Vec<IndexField>,
    /// No two documents may have the same key.
    pub unique: bool,
    /// It has no row in which every field is null or missing: a reader may use it only when the bounds of one of its fields
    /// leave null out.
    pub sparse: bool,
    /// Some document is or was kept apart: see [`APART`](super::APART).
    pub apart: bool,
    /// How far it is.
    pub state: IndexState,
    /// Documents that were looked at while it was built.
    pub documents: u64,
    /// It is an index of words, and this is what it knows of all its documents together; no index of values then.
    pub text: Option<TextIndex>,
}

/// What an index of words keeps besides its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextIndex {
    /// By which rules texts were divided into words: see [`WORDS_VERSION`].
    pub version: u32,
    /// Of the documents that it covers.
    pub statistics: Statistics,
}

/// A path in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexField {
    /// Where the values are.
    pub path: Path,
    /// In which order.
    pub direction: Direction,
    /// The path meets or met an array in some document, which may have several rows then; `multi` of
    /// [`Filter::bounds`](crate::query::Filter::bounds).
    pub multi: bool,
    /// How much a word in it counts, in an index of words; 1 in others.
    pub weight: u32,
}

/// How far an index is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum IndexState {
    /// It holds the rows of the documents up to this id, and of no others; none yet when it is empty.
    #[n(0)]
    Building(#[n(0)] String),
    /// It holds the rows of all documents.
    #[n(1)]
    Ready,
    /// It is gone for everybody; what is left of its rows is being deleted.
    #[n(2)]
    Dropped,
}

/// Why indexes cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// No name, or a long one.
    #[error("the name of an index has 1 to {MAX_INDEX_NAME_BYTES} bytes")]
    Name,
    /// A name that stands twice.
    #[error("two indexes are named `{0}`")]
    NameTwice(String),
    /// Too many indexes.
    #[error("a collection has at most {MAX_INDEXES} indexes")]
    TooMany,
    /// No fields, or too many.
    #[error("the index `{0}` has {1} fields, of 1 to {MAX_INDEX_FIELDS}")]
    Fields(String, usize),
    /// A path that is none.
    #[error("the index `{0}` cannot be on `{1}`: {2}")]
    Path(String, String, &'static str),
    /// A path that stands twice.
    #[error("the index `{0}` has `{1}` twice")]
    PathTwice(String, String),
    /// A field of an index of words that counts too little or too much.
    #[error("the index `{0}` gives `{1}` a weight that is not 1 to {MAX_WEIGHT}")]
    Weight(String, String),
    /// What only indexes of values can be.
    #[error("the index `{0}` is of words: it cannot be unique, sparse or descending")]
    OfWords(String),
    /// What only indexes of words have.
    #[error("the index `{0}` is not of words: its fields have no weights")]
    NotOfWords(String),
    /// A name that no unique index has.
    #[error("there is no unique index `{0}`")]
    NotUnique(String),
}

/// A row of definitions that this version cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the definitions of indexes do not decode")]
pub struct UnknownDefinitions;

impl IndexDef {
    /// A new index on paths, each with whether it is descending; nothing of it is built yet.
    pub fn new<'a>(
        number: u32,
        name: &str,
        fields: impl ExactSizeIterator<Item = (&'a str, bool)>,
        unique: bool,
        sparse: bool,
    ) -> Result<Self, IndexError> {
        if name.is_empty() || name.len() > MAX_INDEX_NAME_BYTES {
            return Err(IndexError::Name);
        }
        if fields.len() == 0 || fields.len() > MAX_INDEX_FIELDS {
            return Err(IndexError::Fields(name.to_owned(), fields.len()));
        }
        let mut parsed: Vec<IndexField> = Vec::with_capacity(fields.len());
        for (text, descending) in fields {
            let path = Path::parse(text)
                .map_err(|reason| IndexError::Path(name.to_owned(), text.chars().take(64).collect(), reason))?;
            if parsed.iter().any(|field| field.path == path) {
                return Err(IndexError::PathTwice(name.to_owned(), text.to_owned()));
            }
            parsed.push(IndexField { path, direction: direction(descending), multi: false, weight: 1 });
        }
        Ok(Self {
            number,
            name: name.to_owned(),
            fields: parsed,
            unique,
            sparse,
            apart: false,
            state: IndexState::Building(String::new()),
            documents: 0,
            text: None,
        })
    }

    /// A new index of the words at paths, each with its weight; nothing of it is built yet.
    pub fn new_text<'a>(
        number: u32,
        name: &str,
        fields: impl ExactSizeIterator<Item = (&'a str, u32)>,
    ) -> Result<Self, IndexError> {
        let (paths, weights): (Vec<_>, Vec<_>) = fields.unzip();
        let mut index = Self::new(number, name, paths.iter().map(|path| (*path, false)), false, false)?;
        for (field, weight) in index.fields.iter_mut().zip(weights) {
            if !(1..=MAX_WEIGHT).contains(&weight) {
                return Err(IndexError::Weight(name.to_owned(), field.path.to_string()));
            }
            field.weight = weight;
        }
        index.text = Some(TextIndex::default());
        Ok(index)
    }

    /// Whether a reader may use it: it knows every document.
    pub fn is_ready(&self) -> bool {
        self.state == IndexState::Ready
    }

    /// Whether it holds the rows of the document with this id.
    pub fn covers(&self, id: &str) -> bool {
        match &self.state {
            IndexState::Building(through) => id <= through.as_str(),
            IndexState::Ready => true,
            IndexState::Dropped => false,
        }
    }

    /// Whether some document may have several rows.
    pub fn multi(&self) -> bool {
        self.fields.iter().any(|field| field.multi)
    }

    /// Whether both were declared with the same words.
    pub fn is_same(&self, other: &Self) -> bool {
        let order = |index: &Self| {
            index.fields.iter().map(|field| (field.path.clone(), field.direction, field.weight)).collect::<Vec<_>>()
        };
        let kind = |index: &Self| (index.name.clone(), index.unique, index.sparse, index.text.map(|text| text.version));
        kind(self) == kind(other) && order(self) == order(other)
    }

    /// The same index, empty and to be built under another number.
    #[must_use]
    pub fn anew(&self, number: u32) -> Self {
        let fields = self.fields.iter().map(|field| IndexField { multi: false, ..field.clone() }).collect();
        let state = IndexState::Building(String::new());
        let text = self.text.map(|_| TextIndex::default());
        Self { number, fields, state, apart: false, documents: 0, text, ..self.clone() }
    }

    /// All its rows.
    pub fn range(&self) -> Range {
        index_range(self.number, &[])
    }
}

/// The row of a collection's indexes, in the order in which they were declared.
pub fn encode(indexes: &[IndexDef]) -> Vec<u8> {
    let indexes = indexes.iter().map(IndexRow::of).collect();
    ashore_protocol::codec::encode(&DefinitionsRow { format: FORMAT, indexes })
}

/// The indexes of a row.
pub fn decode(bytes: &[u8]) -> Result<Vec<IndexDef>, UnknownDefinitions> {
    let row: DefinitionsRow = ashore_protocol::codec::decode(bytes).map_err(|_| UnknownDefinitions)?;
    if row.format != FORMAT {
        return Err(UnknownDefinitions);
    }
    row.indexes.into_iter().map(IndexRow::parse).collect()
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct DefinitionsRow {
    #[n(0)]
    format: u8,
    #[n(1)]
    indexes: Vec<IndexRow>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct IndexRow {
    #[n(0)]
    number: u32,
    #[n(1)]
    name: String,
    #[n(2)]
    fields: Vec<FieldRow>,
    #[n(3)]
    unique: bool,
    #[n(4)]
    sparse: bool,
    #[n(5)]
    apart: bool,
    #[n(6)]
    state: IndexState,
    #[n(7)]
    documents: u64,
    #[n(8)]
    text: Option<TextRow>,
}

/// Of an index of words; absent in others.
#[derive(Encode, Decode)]
#[cbor(array)]
struct TextRow {
    #[n(0)]
    version: u32,
    #[n(1)]
    documents: u64,
    #[n(2)]
    length: u64,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct FieldRow {
    #[n(0)]
    path: String,
    #[n(1)]
    descending: bool,
    #[n(2)]
    multi: bool,
    /// Absent where it is 1.
    #[n(3)]
    weight: Option<u32>,
}

impl Default for TextIndex {
    fn default() -> Self {
        Self { version: WORDS_VERSION, statistics: Statistics::default() }
    }
}

impl TextRow {
    fn of(text: TextIndex) -> Self {
        let TextIndex { version, statistics: Statistics { documents, length } } = text;
        Self { version, documents, length }
    }

    fn parse(self) -> TextIndex {
        let Self { version, documents, length } = self;
        TextIndex { version, statistics: Statistics { documents, length } }
    }
}

impl IndexRow {
    fn of(index: &IndexDef) -> Self {
        let field = |field: &IndexField| FieldRow {
            path: field.path.to_string(),
            descending: field.direction == Direction::Descending,
            multi: field.multi,
            weight: Some(field.weight).filter(|weight| *weight != 1),
        };
        Self {
            number: index.number,
            name: index.name.clone(),
            fields: index.fields.iter().map(field).collect(),
            unique: index.unique,
            sparse: index.sparse,
            apart: index.apart,
            state: index.state.clone(),
            documents: index.documents,
            text: index.text.map(TextRow::of),
        }
    }

    fn parse(self) -> Result<IndexDef, UnknownDefinitions> {
        let words = self.fields.iter().map(|field| (field.path.as_str(), field.descending));
        let mut index =
            IndexDef::new(self.number, &self.name, words, self.unique, self.sparse).map_err(|_| UnknownDefinitions)?;
        for (field, row) in index.fields.iter_mut().zip(&self.fields) {
            field.multi = row.multi;
            field.weight = row.weight.unwrap_or(1);
            if !(1..=MAX_WEIGHT).contains(&field.weight) {
                return Err(UnknownDefinitions);
            }
        }
        let text = self.text.map(TextRow::parse);
        Ok(IndexDef { apart: self.apart, state: self.state, documents: self.documents, text, ..index })
    }
}

fn direction(descending: bool) -> Direction {
    if descending { Direction::Descending } else { Direction::Ascending }
}
