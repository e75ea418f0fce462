//! What is measured, one after another.

mod catch_up;
mod fan_out;
mod idle;
mod pushes;
mod reconnects;

use crate::figures::{Figure, table};
use crate::others::PAYLOAD;
use ashore_protocol::frame::{ClientFrame, PageSize, RelayFrame};
use ashore_protocol::hash::log_prefix;
use ashore_protocol::{Cursor, GroupId, LogId, LogPrefix, SigningKey, VerifiedEntry};
use ashore_relay_load::{Device, REQUEST, Relay, admit_all, found, key, numbered_key, write};
use futures_util::StreamExt;
use std::path::PathBuf;
use std::process::Command;

/// Connections that are opened at a time.
const OPENING: usize = 64;
/// Entries that are appended at a time where nothing is measured.
const AT_A_TIME: usize = 200;

/// The relay's program, a folder for its data, and the benchmark's, where other systems' servers are.
pub(crate) struct Place {
    pub(crate) relay: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) bench: PathBuf,
}

impl Place {
    /// A relay with an empty disk and with no limit that would be met.
    fn relay(&self) -> Relay {
        let _ = std::fs::remove_dir_all(&self.folder);
        std::fs::create_dir_all(&self.folder).unwrap();
        self.again()
    }

    /// One with the disk of the one before.
    fn again(&self) -> Relay {
        let mut program = Command::new(&self.relay);
        program.env("ASHORE_RELAY_ADDRESS_NEW_GROUPS", "1000000");
        Relay::start(program, &self.folder, &["--log-level", "warn", "--max-connections", "1000000"])
    }
}

/// Everything, as a table in Markdown.
pub(crate) async fn all(place: Place) -> String {
    let mut figures = Vec::new();
    for connections in [1_000, 10_000, idle::most()] {
        figures.push(said(idle::memory(&place, connections).await));
    }
    for load in pushes::LOADS {
        figures.push(said(pushes::rate(&place, load).await));
    }
    figures.push(said(fan_out::deliveries(&place).await));
    for figure in fan_out::to_many(&place).await {
        figures.push(said(figure));
    }
    figures.push(said(reconnects::all_at_once(&place).await));
    figures.push(said(catch_up::rate(&place).await));
    let _ = std::fs::remove_dir_all(&place.folder);
    table(&figures)
}

fn said(figure: Figure) -> Figure {
    eprintln!("{}: {}, bare {}", figure.what, figure.relay, figure.bare);
    figure
}

/// A group at a relay, and where its log ends.
struct Group {
    founder: SigningKey,
    members: Vec<SigningKey>,
    id: GroupId,
    prefix: Option<LogPrefix>,
    head: u64,
}

impl Group {
    /// Makes a group with so many members besides its founder, on a connection of the founder's. `number` tells groups apart.
    async fn make(relay: &Relay, number: u32, members: u32) -> (Self, Device) {
        let founder = if number == 0 { key(1) } else { numbered_key(1_000_000 + number) };
        let members: Vec<SigningKey> = (0..members).map(|member| numbered_key(number * 1_000 + member)).collect();
        let genesis = found(&founder);
        let mut group = Self { founder, members, id: genesis.group(), prefix: None, head: 0 };
        let mut device = relay.connect(&group.founder).await;
        group.append(&mut device, &[genesis]).await;
        if !group.members.is_empty() {
            let admitted = admit_all(&group.founder, &group.members, group.id);
            group.append(&mut device, &admitted).await;
        }
        (group, device)
    }

    async fn append(&mut self, device: &mut Device, entries: &[VerifiedEntry]) {
        for some in entries.chunks(AT_A_TIME) {
            let cursors = device.append(self.id, &some.iter().collect::<Vec<_>>()).await.unwrap();
            for (entry, cursor) in some.iter().zip(cursors) {
                self.prefix = Some(log_prefix(self.prefix.as_ref(), &entry.id()));
                self.head = cursor;
            }
        }
    }

    /// Entries with payloads of their own.
    fn written(&self, count: usize, part: usize) -> Vec<VerifiedEntry> {
        let payload = |number: usize| {
            let mut payload = vec![7; PAYLOAD];
            payload[..16].copy_from_slice(&[part.to_be_bytes(), number.to_be_bytes()].concat());
            payload
        };
        (0..count).map(|number| write(&self.founder, self.id, payload(number))).collect()
    }

    /// The frame of a device that has all of the log.
    fn open_at_end(&self, log: LogId) -> ClientFrame {
        let (cursor, page) = (Cursor::new(self.head).unwrap(), PageSize::default());
        ClientFrame::Open { request: REQUEST, group: self.id, log: Some(log), cursor, prefix: self.prefix, page }
    }

    /// The log's id.
    async fn log(&self, relay: &Relay) -> LogId {
        let frame = relay.connect(&self.founder).await.ask(&ashore_relay_load::open(self.id)).await;
        let Some(RelayFrame::Opened { log, .. }) = frame else { panic!("not opened: {frame:?}") };
        log
    }
}

/// A device that has all of a group's log, and hears what follows.
async fn follow(host: &str, key: &SigningKey, open: &ClientFrame) -> Device {
    let mut device = Device::connect(host, key).await;
    let frame = device.ask(open).await;
    assert!(matches!(frame, Some(RelayFrame::Opened { .. })), "not opened: {frame:?}");
    device
}

/// What so many of `open` come to, some of them under way at a time.
async fn each<T, F: Future<Output = T>>(count: u32, at_a_time: usize, open: impl Fn(u32) -> F) -> Vec<T> {
    futures_util::stream::iter(0..count).map(open).buffer_unordered(at_a_time).collect().await
}
