//! One program at a time: an advisory lock on a file beside the database.
//!
//! The operating system lets go of it when the program ends, however it ends. The file itself stays: to remove it would let a third program lock
//! another file of the same name.

use ashore_engine::api::{ErrorCode, Failure};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Who holds it may open the database; dropping it lets others.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

impl Lease {
    /// Takes the lock of this database. `store.locked`: somebody has it, in this program or another.
    pub fn take(database: &Path) -> Result<Self, Failure> {
        let path = path_of_lock(database);
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(ErrorCode::StoreFailed, format!("The lock beside the database cannot be used: {error}."))
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let file = file.map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                ErrorCode::StoreLocked,
                "Another program, or another part of this one, has the database open.",
            )),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }
}

fn path_of_lock(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}
