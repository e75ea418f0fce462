//! The stores on real files: the suite of every store, plain, encrypted and with faults in between.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::StoreFailure;
use ashore_engine::store::conformance::{Disk, FaultyDisk, FaultyStores, PackedDisk, sealed};
use ashore_engine::store::faults::{Faults, FaultyBlobs};
use ashore_engine::store::packed::{Packed, SealedBlobs};
use ashore_native::store::{SqliteBlobs, SqliteFile, SqliteStore};
use folder::Folder;

/// Every opening has connections of its own, as two programs have.
struct Plain(Folder);

impl Plain {
    fn fresh() -> Self {
        Self(Folder::fresh())
    }
}

impl Disk for Plain {
    type Store = SqliteStore;

    async fn open(&self) -> Result<SqliteStore, StoreFailure> {
        SqliteStore::open(&SqliteFile::open(self.0.path("plain.ashore"))?)
    }
}

struct Sealed(Folder);

impl Sealed {
    fn fresh() -> Self {
        Self(Folder::fresh())
    }
}

impl Disk for Sealed {
    type Store = Packed<SealedBlobs<SqliteBlobs>>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        let blobs = SqliteBlobs::open(&SqliteFile::open(self.0.path("sealed.ashore"))?)?;
        PackedDisk::small(sealed(blobs)).open().await
    }
}

struct SealedOverFaults {
    folder: Folder,
    faults: Faults,
}

impl SealedOverFaults {
    fn fresh() -> Self {
        Self { folder: Folder::fresh(), faults: Faults::new() }
    }
}

impl Disk for SealedOverFaults {
    type Store = Packed<SealedBlobs<FaultyBlobs<SqliteBlobs>>>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        let blobs = SqliteBlobs::open(&SqliteFile::open(self.folder.path("faulty.ashore"))?)?;
        PackedDisk::small(sealed(FaultyBlobs::new(blobs, self.faults.clone()))).open().await
    }
}

impl FaultyDisk for SealedOverFaults {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

mod plain_file {
    use super::*;
    ashore_engine::store_conformance!(threads, Plain::fresh());
}

mod plain_file_with_faults {
    use super::*;
    ashore_engine::store_conformance!(threads, FaultyStores::over(Plain::fresh()));
    ashore_engine::store_conformance!(threads, faults, FaultyStores::over(Plain::fresh()));
}

mod sealed_file {
    use super::*;
    ashore_engine::store_conformance!(threads, Sealed::fresh());
}

mod sealed_file_over_faulty_blobs {
    use super::*;
    ashore_engine::store_conformance!(threads, SealedOverFaults::fresh());
    ashore_engine::store_conformance!(threads, faults, SealedOverFaults::fresh());
}
