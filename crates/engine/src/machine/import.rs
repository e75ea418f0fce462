//! Importing what [`super::export`] made, into a database that is empty: chunk by chunk, each in one batch.
//!
//! Whoever imports has every chunk opened first, so that nothing is written of a file that is damaged or cut off. While an import is
//! not ended a row says so: then nothing else is answered, and the same file may be imported again from its start.

use super::documents::{Stop, parse_collection, parse_id};
use super::export::{About, FileDocument, FilePage, FileParts, FilePlace, passphrase_failure};
use super::parts::Whole;
use super::rows::Missing;
use super::{Machine, keys};
use crate::api::{Command, ErrorCode, Failure, Reply};
use crate::collection::Declarations;
use crate::crypto::file::{ChunkError, FileKey, HeadError};
use crate::document::edit::{self, Merged};
use crate::document::state::ChunkWrite;
use crate::document::{DocumentRow, Value};
use crate::index::{self, IndexState};
use crate::store::Range;
use crate::store::keys::value_key;
use ashore_protocol::codec::decode;

/// A document as it is to be stored.
type Made = (String, String, DocumentRow, Vec<ChunkWrite>);

fn head_failure(error: HeadError) -> Failure {
    let code = match error {
        HeadError::Foreign => ErrorCode::ExportForeign,
        HeadError::Newer(_) => ErrorCode::ExportNewerFormat,
        HeadError::Truncated => ErrorCode::ExportTruncated,
        HeadError::Damaged => ErrorCode::ExportDamaged,
        HeadError::Passphrase(error) => return passphrase_failure(error),
    };
    Failure::new(code, error.to_string())
}

fn damaged(what: &str) -> Failure {
    Failure::new(ErrorCode::ExportDamaged, format!("the file cannot be taken: {what}"))
}

impl Machine {
    pub(super) fn open_importing(&mut self, file: Option<Vec<u8>>) {
        self.importing = file;
    }

    /// While an import is not ended the database holds a part of it, and nothing else is answered.
    pub(super) fn check_not_importing(&self, command: &Command) -> Result<(), Failure> {
        let may = matches!(
            command,
            Command::Import { .. }
                | Command::Ping { .. }
                | Command::Status {}
                | Command::Diagnostics {}
                | Command::Hint { .. }
                | Command::ForgetClient { .. }
                | Command::Close {}
        );
        if self.importing.is_none() || may {
            return Ok(());
        }
        let message = "an import of this database did not end; import the same file again, or delete the database";
        Err(Failure::new(ErrorCode::ImportUnfinished, message))
    }

    /// Reads the beginning of a file.
    pub(super) fn begin_import(&mut self, passphrase: &str, bytes: &[u8]) -> Result<Reply, Stop> {
        let first = self.rows.aside(Range::prefix(*b"v").limit(1))?;
        self.rows.end_aside();
        let (taken, key) = FileKey::open(bytes, passphrase).map_err(head_failure)?;
        let again = self.importing.as_deref() == Some(&key.file()[..]);
        let grouped = self.sync.group.is_some() || self.sync.joining.is_some();
        if grouped || !again && (self.importing.is_some() || !first.is_empty()) {
            let message = "the database has documents or a group already; import into a new one";
            return Err(Failure::new(ErrorCode::ImportNotEmpty, message).into());
        }
        let place = FilePlace { key: key.to_bytes().to_vec(), index: 0, documents: 0, from: None };
        Ok(Reply::Imported { taken: taken as u64, documents: 0, next: Some(place.print()) })
    }

    /// Takes the next chunk; with `dry` it is opened and nothing is written.
    pub(super) fn import(&mut self, after: &str, sealed: &[u8], last: bool, dry: bool) -> Result<Reply, Stop> {
        let (place, key) = FilePlace::parse(after)?;
        let plain = key.open_chunk(place.index, last, sealed).map_err(|error| {
            let code = match error {
                ChunkError::Truncated => ErrorCode::ExportTruncated,
                ChunkError::Damaged => ErrorCode::ExportDamaged,
            };
            Failure::new(code, error.to_string())
        })?;
        let page: FilePage = decode(&plain).map_err(|_| damaged("a part of it does not decode"))?;
        let fits = match &page {
            FilePage::About(_) => place.index == 0,
            FilePage::Documents(_) => place.index > 0,
            FilePage::End(documents) => place.index > 0 && *documents == place.documents,
        };
        if !fits || last != matches!(page, FilePage::End(_)) {
            return Err(damaged("its parts are not in order").into());
        }
        let documents = if let FilePage::Documents(documents) = &page { documents.len() as u64 } else { 0 };
        if !dry {
            self.import_page(&key, page)?;
        }
        let next = FilePlace { index: place.index + 1, documents: place.documents + documents, ..place };
        Ok(Reply::Imported { taken: sealed.len() as u64, documents, next: (!last).then(|| next.print()) })
    }

    fn import_page(&mut self, key: &FileKey, page: FilePage) -> Result<(), Stop> {
        if !matches!(page, FilePage::About(_)) && self.importing.as_deref() != Some(&key.file()[..]) {
            return Err(Failure::new(ErrorCode::RequestInvalid, "this file is not being imported").into());
        }
        match page {
            FilePage::About(about) => self.import_about(key, &about)?,
            FilePage::Documents(documents) => self.import_documents(&documents)?,
            FilePage::End(_) => {
                self.importing = None;
                self.rows.write(&mut self.batch.rows, keys::importing(), None);
                // Nothing of an import that was said to have ended may go with the power.
                self.batch.set_durability(crate::api::Durability::Strict);
            }
        }
        Ok(())
    }

    fn import_about(&mut self, key: &FileKey, about: &About) -> Result<(), Failure> {
        let mut collections = Vec::with_capacity(about.collections.len());
        for collection in &about.collections {
            parse_collection(&collection.name)?;
            let declarations = collection.declarations.as_ref().map(|row| Declarations::decode(row));
            let declarations = declarations.transpose().map_err(|_| damaged("what leaves of a collection"))?;
            let definitions = collection.definitions.as_ref().map(|row| index::decode(row));
            let definitions = definitions.transpose().map_err(|_| damaged("the indexes of a collection"))?;
            collections.push((collection.name.clone(), declarations, definitions.unwrap_or_default()));
        }
        for (name, declarations, definitions) in collections {
            if let Some(declarations) = declarations {
                self.set_declarations(&name, declarations);
            }
            let kept = definitions.into_iter().filter(|index| index.state != IndexState::Dropped).collect();
            self.define_anew(&name, kept);
        }
        let file = key.file().to_vec();
        self.rows.write(&mut self.batch.rows, keys::importing(), Some(file.clone().into()));
        self.importing = Some(file);
        Ok(())
    }

    fn import_documents(&mut self, documents: &[FileDocument]) -> Result<(), Stop> {
        let mut missing = None;
        for document in documents {
            let collection = parse_collection(&document.collection)?;
            let id = parse_id(collection.as_str(), &document.id)?;
            // Where an import goes on there may be one already: indexes are written from what was there.
            if let Err(not_here) = self.rows.one(&value_key(collection.as_str(), id.as_str())) {
                missing = Some(not_here);
            }
        }
        missing.map_or(Ok(()), |missing: Missing| Err(missing))?;
        let made = documents.iter().map(|document| self.made(document)).collect::<Result<Vec<_>, _>>()?;
        for (collection, id, row, writes) in made {
            let key = value_key(&collection, &id);
            self.store_document(&key, &collection, &id, Some(&row), writes);
            self.batch.changed(&collection, &id, false);
        }
        Ok(())
    }

    /// The rows of a document. Its changes are checked as those of other devices are: the file may be anybody's.
    fn made(&self, document: &FileDocument) -> Result<Made, Failure> {
        let refused = |what: &str| damaged(what).about(&document.collection, &document.id);
        let (alone, writes) = if document.chunks.is_empty() {
            (None, vec![])
        } else {
            match edit::merge(None, &document.chunks) {
                Ok(Merged::Changed { row, write }) => (Some(row), vec![write]),
                Ok(Merged::Unchanged | Merged::MissingDeps(_)) => return Err(refused("changes are missing")),
                Err(error) => return Err(refused(&error.to_string())),
            }
        };
        let (collection, id) = (document.collection.clone(), document.id.clone());
        let row = match (&document.parts, alone) {
            (None, Some(row)) => row,
            (None, None) => return Err(refused("nothing of it is there")),
            (Some(parts), alone) => {
                self.parted_row(&collection, parts, alone, &writes).ok_or_else(|| refused("a part"))?
            }
        };
        Ok((collection, id, row, writes))
    }

    fn parted_row(
        &self,
        collection: &str,
        parts: &FileParts,
        alone: Option<DocumentRow>,
        writes: &[ChunkWrite],
    ) -> Option<DocumentRow> {
        let declared = self.readable_declarations(collection)?.of(parts.number);
        let stays = parts.stays.as_ref().map(|bytes| Value::decode(bytes)).transpose().ok()?;
        let chunks: Vec<&[u8]> = writes.iter().map(|write| write.bytes.as_slice()).collect();
        let travels = if chunks.is_empty() { Value::empty() } else { edit::fields(&chunks).ok()? };
        let (tainted, rebuilt) = (parts.tainted, parts.rebuilt);
        let row =
            Whole { alone, travels: &travels, stays: stays.as_ref(), tainted, rebuilt }.row(&declared, &self.seen_key);
        row.parts.is_some().then_some(row)
    }
}
