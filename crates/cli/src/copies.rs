//! `export` and `import`: one encrypted file with everything that documents are.

use crate::args::{FilePassphrase, Making, Place};
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use crate::passphrase::Sources;
use crate::session::{Manner, with_database, with_new_database};
use serde_json::json;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

impl FilePassphrase {
    fn sources(&self) -> Sources<'_> {
        let file = self.export_passphrase_file.as_deref();
        Sources { file, variable: "ASHORE_EXPORT_PASSPHRASE", question: "Passphrase of the exported file: " }
    }
}

/// Writes the file under another name first, so that there is never half an export.
pub(crate) async fn export(
    place: &Place,
    file: &Path,
    force: bool,
    passphrase: &FilePassphrase,
) -> Result<Exit, Problem> {
    if file.exists() && !force {
        let message = format!("{} is there already; --force writes over it", file.display());
        return Err(Problem::Here("cli.file", message, Exit::File));
    }
    let passphrase = passphrase.sources().get_new()?;
    with_database(place, Manner::READS, async |database| {
        let part = Part::beside(file)?;
        let mut writer = BufWriter::new(part.create()?);
        let bar = place.bars().of_count("documents exported");
        let told = |progress: ashore_native::ExportProgress| bar.set_position(progress.documents);
        let done = database.export(passphrase.as_str(), &mut writer, told).await?;
        let written = writer.into_inner().map_err(|error| Problem::file(file.display(), error.error()))?;
        part.becomes(file, &written)?;
        bar.finish_and_clear();
        Lines::new().say(&json!({ "file": file, "documents": done.documents, "bytes": done.bytes }))?;
        Ok(Exit::Done)
    })
    .await
}

/// Makes the database of a file; one that is there must be empty.
pub(crate) async fn import(
    place: &Place,
    file: &Path,
    passphrase: &FilePassphrase,
    making: &Making,
) -> Result<Exit, Problem> {
    let failed = |error: std::io::Error| Problem::file(file.display(), &error);
    let opened = File::open(file).map_err(failed)?;
    let size = opened.metadata().map_err(failed)?.len();
    let passphrase = passphrase.sources().get()?;
    with_new_database(place, making, Manner::WRITES, async |database| {
        // It is opened once before it is taken.
        let bar = place.bars().of_bytes("importing", size.saturating_mul(2));
        let told = |progress: ashore_native::ExportProgress| {
            bar.set_position(progress.bytes + if progress.trial { 0 } else { size });
        };
        let done = database.import(passphrase.as_str(), &mut BufReader::new(&opened), told).await?;
        bar.finish_and_clear();
        Lines::new().say(&json!({ "file": file, "documents": done.documents, "bytes": done.bytes }))?;
        Ok(Exit::Done)
    })
    .await
}

/// A file that is not whole yet; it goes when nothing comes of it.
struct Part(PathBuf);

impl Part {
    fn beside(file: &Path) -> Result<Self, Problem> {
        let Some(name) = file.file_name() else {
            return Err(Problem::usage(format!("{} names no file", file.display())));
        };
        let mut name = name.to_owned();
        name.push(".part");
        Ok(Self(file.with_file_name(name)))
    }

    fn create(&self) -> Result<File, Problem> {
        File::create(&self.0).map_err(|error| Problem::file(self.0.display(), &error))
    }

    fn becomes(&self, file: &Path, written: &File) -> Result<(), Problem> {
        let kept = written.sync_all().and_then(|()| std::fs::rename(&self.0, file));
        kept.map_err(|error| Problem::file(file.display(), &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
