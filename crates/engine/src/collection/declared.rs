//! A declaration, and the row in which a collection keeps its own and those before.
//!
//! The row is a CBOR array `[1, number, adopting, [[number, kind, [path, ...], deletes], ...]]`; see docs/protocol.md.

use super::FieldPath;
use crate::document::TextPath;
use ashore_protocol::gather::sorted_by;
use minicbor::{Decode, Encode};
use std::rc::Rc;

/// The most fields that one declaration names.
pub const MAX_FIELDS: usize = 64;
/// In so many ways can a collection be declared in its life; the same one again does not count.
pub const MAX_DECLARATIONS: usize = 64;
/// The row's format.
const FORMAT: u8 = 1;

/// What travels of a collection's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Travels {
    /// Everything.
    All,
    /// Everything but these fields.
    Except(Vec<FieldPath>),
    /// Only these fields, once they were changed.
    Only(Vec<FieldPath>),
    /// Nothing, and nothing that others send is shown.
    Nothing,
}

/// One declaration of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Rows name it by this number; 0 is how a collection is that was never declared.
    pub number: u32,
    /// What travels.
    pub travels: Travels,
    /// Whether deletes travel, and those of others take effect here.
    pub deletes: bool,
}

/// Everything that was declared about one collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declarations {
    all: Vec<Rc<Declared>>,
    /// The number of the one that holds.
    number: u32,
    /// Documents up to this id have been brought to it; `None`: all of them.
    pub adopting: Option<String>,
    /// The row could not be read: until the collection is declared again, nobody knows what must not leave.
    pub unreadable: bool,
}

/// Why a declaration cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclareError {
    /// A path that is none.
    #[error("the field `{0}` cannot be named: {1}")]
    Path(String, &'static str),
    /// Too many fields.
    #[error("a declaration names at most {MAX_FIELDS} fields")]
    TooManyFields,
    /// Fields that stay and fields that travel at once.
    #[error("a collection is `local`, has `local` fields or has `sync` fields: one of them")]
    Both,
    /// Too many different ones.
    #[error("this collection was declared in {MAX_DECLARATIONS} other ways already")]
    TooMany,
}

/// A row of declarations that this version cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the declarations of a collection do not decode")]
pub struct UnknownDeclarations;

impl Travels {
    /// What an app's words say: the whole collection stays, or these fields stay, or only these travel.
    pub fn new(local: bool, local_fields: &[String], sync_fields: Option<&[String]>) -> Result<Self, DeclareError> {
        let given = [local, !local_fields.is_empty(), sync_fields.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(DeclareError::Both);
        }
        Ok(match sync_fields {
            _ if local => Self::Nothing,
            Some(fields) => Self::Only(paths(fields)?),
            None if local_fields.is_empty() => Self::All,
            None => Self::Except(paths(local_fields)?),
        })
    }

    /// The fields that are named.
    pub fn fields(&self) -> &[FieldPath] {
        match self {
            Self::All | Self::Nothing => &[],
            Self::Except(fields) | Self::Only(fields) => fields,
        }
    }
}

/// Sorted, and none inside another.
fn paths(fields: &[String]) -> Result<Vec<FieldPath>, DeclareError> {
    if fields.len() > MAX_FIELDS {
        return Err(DeclareError::TooManyFields);
    }
    let parse = |text: &String| {
        FieldPath::parse(text).map_err(|reason| DeclareError::Path(text.chars().take(64).collect(), reason))
    };
    let paths = sorted_by(fields.iter().map(parse).collect::<Result<Vec<_>, _>>()?, Ord::cmp);
    let mut outer: Vec<FieldPath> = Vec::with_capacity(paths.len());
    for path in paths {
        if !outer.last().is_some_and(|last| path.is_inside(last)) {
            outer.push(path);
        }
    }
    Ok(outer)
}

impl Declared {
    /// How a collection is that was never declared: everything travels.
    pub fn plain() -> Self {
        Self { number: 0, travels: Travels::All, deletes: true }
    }

    /// Whether what is typed into the text there may leave.
    pub fn lets_travel(&self, text: &TextPath) -> bool {
        let steps = text.steps();
        match &self.travels {
            Travels::All => true,
            Travels::Except(fields) => !fields.iter().any(|field| field.holds(steps) || field.may_be_list_of(steps)),
            Travels::Only(fields) => fields.iter().any(|field| field.holds(steps)),
            Travels::Nothing => false,
        }
    }

    /// Whether it says just what holds without a declaration.
    pub fn is_plain(&self) -> bool {
        self.travels == Travels::All && self.deletes
    }
}

impl Declarations {
    /// The one that holds.
    pub fn current(&self) -> Rc<Declared> {
        self.of(self.number)
    }

    /// The one of this number.
    pub fn of(&self, number: u32) -> Rc<Declared> {
        let known = self.all.iter().find(|declared| declared.number == number);
        known.cloned().unwrap_or_else(|| Rc::new(Declared::plain()))
    }

    /// Declares the collection; `false` when nothing changes by it. Documents that are there are brought to it from the start.
    pub fn declare(&mut self, travels: Travels, deletes: bool) -> Result<bool, DeclareError> {
        let new = Declared { number: 0, travels, deletes };
        let known = self.all.iter().find(|known| known.travels == new.travels && known.deletes == new.deletes);
        let number = match known {
            Some(known) => known.number,
            None if new.is_plain() => 0,
            None if self.all.len() >= MAX_DECLARATIONS => return Err(DeclareError::TooMany),
            None => {
                let number = self.new_number(&new);
                self.all.push(Rc::new(Declared { number, ..new }));
                number
            }
        };
        if number == self.number && !self.unreadable {
            return Ok(false);
        }
        self.unreadable = false;
        self.number = number;
        self.adopting = Some(String::new());
        Ok(true)
    }

    /// The same for the same words, so that rows are understood again when this row was lost and the app has declared again.
    fn new_number(&self, new: &Declared) -> u32 {
        let words = minicbor::to_vec(StoredDeclared::of(new)).expect("a Vec takes every byte");
        let [a, b, c, d, ..] = *blake3::hash(&words).as_bytes();
        let mut number = u32::from_be_bytes([a, b, c, d]).max(1);
        while self.all.iter().any(|known| known.number == number) {
            number = number.wrapping_add(1).max(1);
        }
        number
    }

    /// What stands in for a row that cannot be read.
    pub fn lost() -> Self {
        Self { unreadable: true, ..Self::default() }
    }

    /// The row's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let all = self.all.iter().map(|declared| StoredDeclared::of(declared)).collect();
        let row = Row { format: FORMAT, number: self.number, adopting: self.adopting.clone(), all };
        minicbor::to_vec(row).expect("a Vec takes every byte")
    }

    /// What [`Declarations::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnknownDeclarations> {
        let row: Row = minicbor::decode(bytes).map_err(|_| UnknownDeclarations)?;
        if row.format != FORMAT {
            return Err(UnknownDeclarations);
        }
        let all = row.all.iter().map(StoredDeclared::read).collect::<Option<Vec<_>>>().ok_or(UnknownDeclarations)?;
        Ok(Self { all, number: row.number, adopting: row.adopting, unreadable: false })
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Row {
    #[n(0)]
    format: u8,
    #[n(1)]
    number: u32,
    #[n(2)]
    adopting: Option<String>,
    #[n(3)]
    all: Vec<StoredDeclared>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct StoredDeclared {
    #[n(0)]
    number: u32,
    /// 0 all, 1 all but the fields, 2 only the fields, 3 nothing.
    #[n(1)]
    kind: u8,
    #[n(2)]
    fields: Vec<String>,
    #[n(3)]
    deletes: bool,
}

impl StoredDeclared {
    fn of(declared: &Declared) -> Self {
        let kind = match declared.travels {
            Travels::All => 0,
            Travels::Except(_) => 1,
            Travels::Only(_) => 2,
            Travels::Nothing => 3,
        };
        let fields = declared.travels.fields().iter().map(FieldPath::to_string).collect();
        Self { number: declared.number, kind, fields, deletes: declared.deletes }
    }

    fn read(&self) -> Option<Rc<Declared>> {
        let fields = paths(&self.fields).ok()?;
        let travels = match self.kind {
            0 => Travels::All,
            1 => Travels::Except(fields),
            2 => Travels::Only(fields),
            3 => Travels::Nothing,
            _ => return None,
        };
        Some(Rc::new(Declared { number: self.number, travels, deletes: self.deletes }))
    }
}
