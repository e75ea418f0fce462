//! A host with nothing of its own: a machine on the packed store, whose blobs are in memory.

use crate::counted::counted;
use ashore_engine::api::{Calls, News, decode_calls, encode};
use ashore_engine::machine::{Input, Machine, MachineOptions, Output};
use ashore_engine::store::Store;
use ashore_engine::store::conformance::block_on;
use ashore_engine::store::memory::MemoryBlobs;
use ashore_engine::store::packed::{Packed, PackedOptions};
use ashore_engine::time::Timestamp;

/// The store is tidied up after so many commits, as `driver` does it.
const MAINTAIN_AFTER_COMMITS: u32 = 16;

/// What a host leaves to the world around it.
pub(crate) enum Wish {
    Connect { connection: u64 },
    Send { connection: u64, frame: Vec<u8> },
    Disconnect { connection: u64 },
    Tell { news: News },
}

pub(crate) struct Host {
    machine: Machine,
    store: Packed<MemoryBlobs>,
    commits: u32,
    /// Whether callgrind counts what the engine does.
    pub(crate) is_counted: bool,
}

impl Host {
    /// Opens what is on this disk. `seed` is what the host's randomness would be.
    pub(crate) fn open(blobs: MemoryBlobs, seed: u8, now: Timestamp, is_counted: bool) -> Self {
        let (mut opened, mut blobs) = (None, Some(blobs));
        measure(is_counted, &mut || {
            let (store, _) =
                block_on(Packed::open(blobs.take().unwrap_or_default(), PackedOptions::default())).unwrap();
            let options = MachineOptions { seed: [seed; 32], local_secret: [seed; 32], opening: now };
            opened = Some(Self { machine: Machine::new(options), store, commits: 0, is_counted });
        });
        opened.unwrap()
    }

    /// What came from a page, as the bytes that it crosses in.
    pub(crate) fn call(&mut self, now: Timestamp, calls: &Calls) -> Vec<Wish> {
        let bytes = encode(calls);
        let mut wishes = Vec::new();
        measure(self.is_counted, &mut || {
            let calls = decode_calls(&bytes).unwrap();
            self.machine.handle(now, Input::Calls(calls));
            self.drain(now, &mut wishes);
        });
        wishes
    }

    /// Something else happened.
    pub(crate) fn feed(&mut self, now: Timestamp, input: Input) -> Vec<Wish> {
        let (mut wishes, mut input) = (Vec::new(), Some(input));
        measure(self.is_counted, &mut || {
            self.machine.handle(now, input.take().unwrap());
            self.drain(now, &mut wishes);
        });
        wishes
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.machine.deadline()
    }

    /// The store's background work, all of it.
    pub(crate) fn maintain(&mut self) {
        self.commits = 0;
        while block_on(self.store.maintain()).unwrap() {}
    }

    /// The disk below, to open it again.
    pub(crate) fn blobs(&self) -> MemoryBlobs {
        self.store.blobs().clone()
    }

    /// Does what the machine wants done, until it wants nothing.
    fn drain(&mut self, now: Timestamp, wishes: &mut Vec<Wish>) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Load { load, ranges } => {
                    let result = block_on(self.store.load(&ranges));
                    self.machine.handle(now, Input::Loaded { load, result });
                }
                Output::Commit { commit, batch, durability, .. } => {
                    let result = block_on(self.store.commit(batch, durability));
                    self.machine.handle(now, Input::Committed { commit, result });
                    self.commits += 1;
                    if self.commits >= MAINTAIN_AFTER_COMMITS {
                        self.maintain();
                    }
                }
                Output::Connect { connection, .. } => wishes.push(Wish::Connect { connection }),
                Output::Send { connection, frame } => wishes.push(Wish::Send { connection, frame }),
                Output::Disconnect { connection } => wishes.push(Wish::Disconnect { connection }),
                Output::Deliver { news, .. } => {
                    // The bytes that go to the page; what they say is looked at without them.
                    std::hint::black_box(encode(&news));
                    wishes.push(Wish::Tell { news });
                }
                Output::Stop => {}
            }
        }
    }
}

fn measure(is_counted: bool, work: &mut dyn FnMut()) {
    if is_counted { counted(work) } else { work() }
}
