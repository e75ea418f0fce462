//! Exporting: everything that documents are, page by page, into one sealed file that every host reads.
//!
//! A page sees one state; so each document is whole and at one version, and documents of different pages may be from
//! different moments. Whoever asks keeps the place (with the file's key: it has the passphrase as well), so an engine that
//! takes over goes on where the last one was.

use super::Machine;
use super::check::fitting;
use super::documents::Stop;
use super::parts::Parted;
use super::rows::{Missing, chunk_unit, parse_document};
use super::task::CommandTask;
use crate::api::{ErrorCode, Failure, FileBytes, Reply};
use crate::crypto::file::FileKey;
use crate::crypto::password::{PasswordError, PasswordParams};
use crate::document::DocumentRow;
use crate::index::{self, IndexState};
use crate::store::{Key, Range, RowValue};
use ashore_protocol::codec::{Bytes, decode, encode};
use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// Documents of one page, and the bytes of their rows.
const PAGE_ROWS: u32 = 1_000;
const PAGE_BYTES: usize = 512 << 10;
/// The tag of value rows.
const VALUE_TAG: u8 = b'v';

/// What one chunk of an export holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum FilePage {
    /// The first one.
    #[n(0)]
    About(#[n(0)] About),
    #[n(1)]
    Documents(#[n(0)] Vec<FileDocument>),
    /// The last one: so many documents came before it.
    #[n(2)]
    End(#[n(0)] u64),
}

/// What the collections of an export are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct About {
    /// When it was made, in milliseconds since 1970.
    #[n(0)]
    pub(super) at_ms: u64,
    #[n(1)]
    pub(super) collections: Vec<FileCollection>,
}

/// A collection with what was declared of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct FileCollection {
    #[n(0)]
    pub(super) name: String,
    /// The row of its indexes' definitions.
    #[n(1)]
    pub(super) definitions: Option<Bytes>,
    /// The row of what leaves.
    #[n(2)]
    pub(super) declarations: Option<Bytes>,
}

/// A document, deleted ones too.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct FileDocument {
    #[n(0)]
    pub(super) collection: String,
    #[n(1)]
    pub(super) id: String,
    /// Its Automerge chunks, one after another; empty when nothing of it travels.
    #[n(2)]
    pub(super) chunks: Bytes,
    #[n(3)]
    pub(super) parts: Option<FileParts>,
}

/// What a row says of a document of which not everything travels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct FileParts {
    #[n(0)]
    pub(super) number: u32,
    #[n(1)]
    pub(super) tainted: bool,
    #[n(2)]
    pub(super) rebuilt: bool,
    /// The encoded value of what stays.
    #[n(3)]
    pub(super) stays: Option<Bytes>,
}

/// Where an export or an import goes on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct FilePlace {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) key: Vec<u8>,
    /// The next chunk.
    #[n(1)]
    pub(super) index: u64,
    #[n(2)]
    pub(super) documents: u64,
    /// Export: the first key of the next page; empty when all documents were written.
    #[n(3)]
    pub(super) from: Option<Bytes>,
}

impl FilePlace {
    pub(super) fn print(&self) -> String {
        BASE32_NOPAD.encode(&encode(self))
    }

    pub(super) fn parse(text: &str) -> Result<(Self, FileKey), Failure> {
        let bytes = if text.len() > 16_384 { None } else { BASE32_NOPAD.decode(text.as_bytes()).ok() };
        let place = bytes.and_then(|bytes| decode::<Self>(&bytes).ok());
        let place = place.and_then(|place| FileKey::from_bytes(&place.key).map(|key| (place, key)));
        place.ok_or_else(|| Failure::new(ErrorCode::RequestInvalid, "no place in a file"))
    }
}

pub(super) fn passphrase_failure(error: PasswordError) -> Failure {
    let code = match error {
        PasswordError::WrongPassword => ErrorCode::ExportWrongPassphrase,
        PasswordError::WeakPassword(_) => ErrorCode::ExportWeakPassphrase,
        PasswordError::NewerFormat(_) => ErrorCode::ExportNewerFormat,
        PasswordError::Malformed | PasswordError::ParametersOutOfBounds(_) => ErrorCode::ExportDamaged,
    };
    Failure::new(code, error.to_string())
}

impl Machine {
    /// One part of the file; the first call begins it.
    pub(super) fn export(
        &mut self,
        task: &mut CommandTask,
        passphrase: Option<&str>,
        after: Option<&str>,
    ) -> Result<Reply, Stop> {
        let Some(after) = after else { return Ok(self.begin_export(passphrase.unwrap_or_default())?) };
        let (place, key) = FilePlace::parse(after)?;
        let (page, next) = match &place.from {
            _ if place.index == 0 => (FilePage::About(self.about()), Some(vec![VALUE_TAG])),
            Some(from) => {
                let (documents, rest) = self.export_documents(task, from)?;
                (FilePage::Documents(documents), rest.map(|rest| rest.to_vec()))
            }
            None => (FilePage::End(place.documents), None),
        };
        self.rows.end_aside();
        let last = matches!(page, FilePage::End(_));
        let documents = if let FilePage::Documents(documents) = &page { documents.len() as u64 } else { 0 };
        let bytes = key.seal_chunk(place.index, last, &encode(&page), &mut self.rng);
        let next = FilePlace {
            key: place.key,
            index: place.index + 1,
            documents: place.documents + documents,
            from: next.map(Into::into),
        };
        let next = (!last).then(|| next.print());
        Ok(Reply::Exported { bytes: FileBytes(bytes), documents, next })
    }

    fn begin_export(&mut self, passphrase: &str) -> Result<Reply, Failure> {
        let begun = FileKey::begin(passphrase, PasswordParams::default(), &mut self.rng);
        let (head, key) = begun.map_err(passphrase_failure)?;
        let place = FilePlace { key: key.to_bytes().to_vec(), index: 0, documents: 0, from: None };
        Ok(Reply::Exported { bytes: FileBytes(head), documents: 0, next: Some(place.print()) })
    }

    fn about(&self) -> About {
        let names: BTreeSet<&str> = self
            .defined_indexes()
            .map(|(name, _)| name)
            .chain(self.collections.iter().filter(|(_, all)| !all.unreadable).map(|(name, _)| name.as_str()))
            .collect();
        let collection = |name: &str| {
            let indexes: Vec<_> =
                self.index_catalog(name).iter().filter(|index| index.state != IndexState::Dropped).cloned().collect();
            let declarations = self.collections.get(name).filter(|all| !all.unreadable);
            FileCollection {
                name: name.to_owned(),
                definitions: (!indexes.is_empty()).then(|| index::encode(&indexes).into()),
                declarations: declarations.map(|all| all.encode().into()),
            }
        };
        About { at_ms: self.now.as_ms(), collections: names.into_iter().map(collection).collect() }
    }

    fn export_documents(
        &mut self,
        task: &mut CommandTask,
        from: &[u8],
    ) -> Result<(Vec<FileDocument>, Option<Key>), Stop> {
        let all = Range::prefix([VALUE_TAG]);
        let page = Range { start: Key::from(from), ..all }.limit(PAGE_ROWS).max_bytes(PAGE_BYTES);
        let raw = task.scan.clone();
        let (mut rows, rest) = self.scan_part(&mut task.scan, &page)?;
        let mut next = rest.map(|rest| rest.start);
        if let Some(first_left) = fitting(&rows) {
            next = rows.rows.get(first_left).map(|(key, _)| key.clone());
            rows.rows.truncate(first_left);
        }
        if !rows.lost.is_empty() {
            let message = "a part of the storage cannot be read; repair the database, then export it";
            return Err(Failure::new(ErrorCode::StoreCorrupt, message).into());
        }
        let named: Vec<_> =
            rows.rows.iter().filter_map(|(key, row)| parse_document(key).map(|name| (name, row))).collect();
        let chunks: Vec<_> =
            named.iter().map(|((collection, id), _)| self.rows.aside(chunk_unit(collection, id))).collect();
        let Ok(chunks) = chunks.into_iter().collect::<Result<Vec<_>, Missing>>() else {
            task.scan = raw;
            return Err(Missing.into());
        };
        let each = named.into_iter().zip(chunks);
        let documents = each.map(|(((collection, id), row), chunks)| {
            self.export_document(&collection, &id, row, &chunks).ok_or_else(|| {
                let message = "the document cannot be read; repair the database, then export it";
                Failure::new(ErrorCode::StoreCorrupt, message).about(&collection, &id)
            })
        });
        Ok((documents.collect::<Result<_, _>>()?, next))
    }

    fn export_document(
        &self,
        collection: &str,
        id: &str,
        row: &RowValue,
        chunks: &[(Key, RowValue)],
    ) -> Option<FileDocument> {
        let row = DocumentRow::decode(row.present()?).ok()?;
        let chunks: Vec<&[u8]> = chunks.iter().map(|(_, chunk)| Some(&chunk.present()?[..])).collect::<Option<_>>()?;
        if chunks.is_empty() != row.heads.is_empty() {
            return None;
        }
        let parts = match &row.parts {
            None => None,
            Some(parts) => {
                let was = self.readable_declarations(collection)?.of(parts.number);
                let held = Parted { row: &row, chunks: &chunks, was: &was }.held().ok()?;
                Some(FileParts {
                    number: parts.number,
                    tainted: parts.tainted,
                    rebuilt: parts.rebuilt,
                    stays: held.stays.map(|stays| stays.to_bytes().into()),
                })
            }
        };
        let (collection, id) = (collection.to_owned(), id.to_owned());
        Some(FileDocument { collection, id, chunks: chunks.concat().into(), parts })
    }
}
