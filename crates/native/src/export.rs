//! One encrypted file with everything that a database's documents are, and a database made of such a file.

use crate::database::Database;
use crate::query::wrong_reply;
use ashore_engine::api::{Command, ErrorCode, Failure, FileBytes, Passphrase, Reply};
use ashore_engine::crypto::file::MAX_CHUNK_BYTES;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

/// How far an export or an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportProgress {
    /// Documents that were written or taken.
    pub documents: u64,
    /// Bytes of the file so far.
    pub bytes: u64,
    /// An import opens the whole file before it writes anything: this is that first reading.
    pub trial: bool,
}

/// What an engine may be given at once of a file's beginning.
const HEAD_BYTES: u64 = 2_048;
/// A chunk's length stands before it, with the big end first.
const LENGTH_BYTES: u64 = 4;
/// What sealing adds to a chunk is far less.
const MAX_SEALED_BYTES: u64 = (MAX_CHUNK_BYTES + 1_024) as u64;

impl Database {
    /// Writes everything that documents are as one encrypted file, which this passphrase opens on any host. `export.weak-passphrase`: it is too easy
    /// to guess. `told` hears how far it is.
    ///
    /// ```
    /// # use ashore_engine::store::conformance::wait_for;
    /// # use ashore_native::{Database, Failure, Options};
    /// # use serde_json::{Value, json};
    /// # wait_for(async {
    /// let database = Database::open(Options::in_memory()).await?;
    /// database.collection("notes").put("n1", &json!({ "title": "Milk" })).await?;
    /// let mut file = Vec::new();
    /// database.export("eleven grey herons", &mut file, |_| {}).await?;
    ///
    /// let copy = Database::open(Options::in_memory()).await?;
    /// copy.import("eleven grey herons", &mut std::io::Cursor::new(file), |_| {}).await?;
    /// assert_eq!(copy.collection::<Value>("notes").get("n1").await?, Some(json!({ "title": "Milk" })));
    /// # Ok::<(), Failure>(())
    /// # }).unwrap();
    /// ```
    pub async fn export(
        &self,
        passphrase: impl Into<String>,
        file: &mut impl Write,
        mut told: impl FnMut(ExportProgress),
    ) -> Result<ExportProgress, Failure> {
        let mut progress = ExportProgress::default();
        let mut command = Command::Export { passphrase: Some(Passphrase::new(passphrase)), after: None };
        loop {
            let Reply::Exported { bytes, documents, next } = self.call(command).await? else {
                return Err(wrong_reply());
            };
            file.write_all(&bytes.0).map_err(|error| cannot("written", &error))?;
            progress.documents += documents;
            progress.bytes += bytes.0.len() as u64;
            told(progress);
            let Some(next) = next else { break };
            command = Command::Export { passphrase: None, after: Some(next) };
        }
        file.flush().map_err(|error| cannot("written", &error))?;
        Ok(progress)
    }

    /// Takes such a file into a database that is empty. All of it is opened first, so that nothing is taken of a file that is cut off or damaged.
    pub async fn import(
        &self,
        passphrase: impl Into<String>,
        file: &mut (impl Read + Seek),
        mut told: impl FnMut(ExportProgress),
    ) -> Result<ExportProgress, Failure> {
        let size = file.seek(SeekFrom::End(0)).map_err(|error| cannot("read", &error))?;
        let head = read_at(file, 0, HEAD_BYTES.min(size))?;
        let passphrase = Some(Passphrase::new(passphrase));
        let command = Command::Import { passphrase, after: None, bytes: FileBytes(head), last: false, dry: true };
        let Reply::Imported { taken: head_bytes, next: begun, .. } = self.call(command).await? else {
            return Err(wrong_reply());
        };
        let mut progress = ExportProgress::default();
        for dry in [true, false] {
            progress = ExportProgress { documents: 0, bytes: head_bytes, trial: dry };
            let mut after = begun.clone();
            while after.is_some() {
                let bytes = chunk_at(file, progress.bytes, size)?;
                progress.bytes += LENGTH_BYTES + bytes.len() as u64;
                let last = progress.bytes == size;
                let command = Command::Import { passphrase: None, after, bytes: FileBytes(bytes), last, dry };
                let Reply::Imported { documents, next, .. } = self.call(command).await? else {
                    return Err(wrong_reply());
                };
                progress.documents += documents;
                told(progress);
                after = next;
            }
        }
        Ok(progress)
    }
}

/// The chunk whose length stands at this place.
fn chunk_at(file: &mut (impl Read + Seek), at: u64, size: u64) -> Result<Vec<u8>, Failure> {
    let left = size.saturating_sub(at);
    if left < LENGTH_BYTES {
        return Err(cut_off());
    }
    let length = read_at(file, at, LENGTH_BYTES)?.try_into().map_err(|_| cut_off())?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > left - LENGTH_BYTES {
        return Err(cut_off());
    }
    if length > MAX_SEALED_BYTES {
        return Err(Failure::new(ErrorCode::ExportDamaged, "The file has a part that is too large."));
    }
    read_at(file, at + LENGTH_BYTES, length)
}

fn read_at(file: &mut (impl Read + Seek), at: u64, length: u64) -> Result<Vec<u8>, Failure> {
    let mut read = || {
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.by_ref().take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
    };
    read().map_err(|error: std::io::Error| cannot("read", &error))
}

fn cut_off() -> Failure {
    Failure::new(ErrorCode::ExportTruncated, "The file is cut off.")
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::StoreFailed, format!("The export's file cannot be {what}: {error}."))
}
