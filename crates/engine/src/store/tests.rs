//! The suite over every store of this crate, and what is particular to each.

mod crash;
mod damage;
mod golden;
mod model;
mod opening;
mod power;
mod sealed;
mod upkeep;

mod memory {
    use crate::store::memory::MemoryDisk;
    crate::store_conformance!(native, MemoryDisk::new());
}

mod packed {
    use crate::store::conformance::packed_in_memory;
    crate::store_conformance!(native, packed_in_memory());
}

mod packed_with_default_options {
    use crate::store::conformance::PackedDisk;
    use crate::store::memory::MemoryBlobs;
    use crate::store::packed::PackedOptions;
    crate::store_conformance!(native, PackedDisk { blobs: MemoryBlobs::new(), options: PackedOptions::default() });
}

mod faulty_memory {
    use crate::store::conformance::FaultyStores;
    use crate::store::memory::MemoryDisk;
    crate::store_conformance!(native, FaultyStores::over(MemoryDisk::new()));
    crate::store_conformance!(native, faults, FaultyStores::over(MemoryDisk::new()));
}

mod faulty_packed {
    use crate::store::conformance::{FaultyStores, packed_in_memory};
    crate::store_conformance!(native, FaultyStores::over(packed_in_memory()));
    crate::store_conformance!(native, faults, FaultyStores::over(packed_in_memory()));
}

mod packed_over_faulty_blobs {
    use crate::store::conformance::FaultyPacked;
    use crate::store::memory::MemoryBlobs;
    crate::store_conformance!(native, FaultyPacked::over(MemoryBlobs::new()));
    crate::store_conformance!(native, faults, FaultyPacked::over(MemoryBlobs::new()));
}

mod sealed_packed {
    use crate::store::conformance::{PackedDisk, sealed};
    use crate::store::memory::MemoryBlobs;
    crate::store_conformance!(native, PackedDisk::small(sealed(MemoryBlobs::new())));
}

mod sealed_packed_over_faulty_blobs {
    use crate::store::conformance::{FaultyPacked, sealed};
    use crate::store::memory::MemoryBlobs;
    crate::store_conformance!(native, FaultyPacked::over(sealed(MemoryBlobs::new())));
    crate::store_conformance!(native, faults, FaultyPacked::over(sealed(MemoryBlobs::new())));
}
