//! A hostile relay, as what it makes of the frames of an honest one: [`Network::lie`](super::Network::lie).
//!
//! It has the real mailbox behind it, so it knows everything that a relay can know: the entries, in order, and who is connected.

use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::{Item, RelayFrame};
use ashore_protocol::hash::entry_id;
use ashore_protocol::header::Entry;
use ashore_protocol::ids::{Cursor, DeviceId, LogId};
use std::collections::{BTreeMap, BTreeSet};

/// What a device (its number) is sent instead of a frame: any bytes, any number of times.
pub type Lie = Box<dyn FnMut(usize, RelayFrame) -> Vec<Vec<u8>>>;

/// Nothing is pushed: what is new is told only to who asks.
pub fn drop_pushes() -> Lie {
    Box::new(|_, frame| match frame {
        RelayFrame::Live { .. } | RelayFrame::Lagged { .. } => vec![],
        frame => vec![frame.encode()],
    })
}

/// Every push is held back until the next one has gone out.
pub fn delay_pushes() -> Lie {
    let mut held: Vec<(usize, Vec<u8>)> = Vec::new();
    Box::new(move |device, frame| {
        let push = matches!(frame, RelayFrame::Live { .. });
        let mut out = vec![frame.encode()];
        if push {
            held.extend(out.drain(..).map(|frame| (device, frame)));
            if held.iter().filter(|(to, _)| *to == device).count() > 1 {
                out.extend(held.iter().rev().filter(|(to, _)| *to == device).map(|(_, frame)| frame.clone()));
                held.retain(|(to, _)| *to != device);
            }
        }
        out
    })
}

/// Whatever brings entries comes three times, and all that came before it once more.
pub fn replay() -> Lie {
    let mut said: Vec<(usize, Vec<u8>)> = Vec::new();
    Box::new(move |device, frame| {
        let bytes = frame.encode();
        if !brings_entries(&frame) {
            return vec![bytes];
        }
        let before = said.iter().filter(|(to, _)| *to == device).map(|(_, frame)| frame.clone());
        let out = [vec![bytes.clone(); 3], before.collect()].concat();
        said.push((device, bytes));
        out
    })
}

/// The entries of each frame in the opposite order, with the cursors that belong to them.
pub fn reverse() -> Lie {
    with_items(|_, items| items.reverse())
}

/// The entries of each frame in the opposite order, with cursors as if that were their order.
pub fn reorder() -> Lie {
    with_items(|_, items| {
        let cursors: Vec<Cursor> = items.iter().map(Item::cursor).collect();
        items.reverse();
        items.iter_mut().zip(cursors).for_each(|(item, cursor)| place(item, cursor));
    })
}

/// What brings entries is cut off.
pub fn truncate() -> Lie {
    Box::new(|_, frame| {
        let mut bytes = frame.encode();
        if brings_entries(&frame) {
            bytes.truncate(bytes.len() / 2);
        }
        vec![bytes]
    })
}

/// One bit of every entry is another.
pub fn forge() -> Lie {
    with_items(|_, items| {
        for item in items {
            if let Item::Entry { bytes, .. } = item
                && let Some(byte) = bytes.0.last_mut()
            {
                *byte ^= 1;
            }
        }
    })
}

/// Every entry is this one.
pub fn splice(foreign: Vec<u8>) -> Lie {
    with_items(move |_, items| {
        for item in items {
            *item = Item::Entry { cursor: item.cursor(), bytes: Bytes(foreign.clone()) };
        }
    })
}

/// Cursors are said to be so much higher.
pub fn shift_cursors(by: u64) -> Lie {
    with_items(move |_, items| {
        for item in items {
            let shifted = Cursor::new(item.cursor().get() + by).unwrap_or(Cursor::MAX);
            place(item, shifted);
        }
    })
}

/// Every entry of others is said to be one's own.
pub fn call_it_yours() -> Lie {
    with_items(|_, items| {
        for item in items {
            if let Item::Entry { cursor, bytes } = item {
                *item = Item::Own { cursor: *cursor, id: entry_id(bytes) };
            }
        }
    })
}

/// Every page is empty, and there is more.
pub fn endless_pages() -> Lie {
    Box::new(|_, frame| {
        let frame = match frame {
            RelayFrame::Page { request, group, log, head, .. } => {
                RelayFrame::Page { request, group, log, items: vec![], head, more: true }
            }
            frame => frame,
        };
        vec![frame.encode()]
    })
}

/// One device is never given the entries that are hidden from it, and is told that the rest is all.
pub fn withhold(from: usize, hidden: impl Fn(&[u8]) -> bool + 'static) -> Lie {
    tell_each_its_own(move |device, entry| device == from && hidden(entry))
}

/// A fork: these two are never given what the other wrote, and each is told that the rest is all.
pub fn fork(one: (usize, DeviceId), other: (usize, DeviceId)) -> Lie {
    tell_each_its_own(move |device, entry| {
        let author = Entry::decode(entry).map(|entry| entry.header().author);
        author.is_ok_and(|author| (device == one.0 && author == other.1) || (device == other.0 && author == one.1))
    })
}

/// Each device is told a story without the entries that are hidden from it, numbered without a gap.
fn tell_each_its_own(hidden: impl Fn(usize, &[u8]) -> bool + 'static) -> Lie {
    let mut gone: BTreeMap<usize, BTreeSet<Cursor>> = BTreeMap::new();
    Box::new(move |device, mut frame| {
        let gone = gone.entry(device).or_default();
        if let Some(items) = items_of(&mut frame) {
            let here = items.iter().filter(|item| matches!(item, Item::Entry { bytes, .. } if hidden(device, bytes)));
            gone.extend(here.map(Item::cursor));
            items.retain(|item| !gone.contains(&item.cursor()));
        }
        let told = |cursor: Cursor| {
            let before = gone.range(..=cursor).count() as u64;
            Cursor::new(cursor.get().saturating_sub(before)).unwrap_or_default()
        };
        match &mut frame {
            RelayFrame::Live { items, .. } if items.is_empty() => return vec![],
            RelayFrame::Live { items, .. } => items.iter_mut().for_each(|item| place(item, told(item.cursor()))),
            RelayFrame::Page { items, head, .. } => {
                items.iter_mut().for_each(|item| place(item, told(item.cursor())));
                *head = told(*head);
            }
            RelayFrame::Lagged { head, .. } => *head = told(*head),
            RelayFrame::Appended { placed, .. } => {
                placed.iter_mut().for_each(|placed| placed.cursor = told(placed.cursor))
            }
            _ => {}
        }
        vec![frame.encode()]
    })
}

/// The end of the log is said to be so much farther than it is.
pub fn promise_more(by: u64) -> Lie {
    Box::new(move |_, mut frame| {
        if let RelayFrame::Opened { head, .. } | RelayFrame::Page { head, .. } = &mut frame {
            *head = Cursor::new(head.get() + by).unwrap_or(Cursor::MAX);
        }
        vec![frame.encode()]
    })
}

/// A log that was rolled back is said to be the one that the device knows, to the place where the device is.
pub fn deny_rollback() -> Lie {
    let mut logs: BTreeMap<usize, (LogId, Cursor)> = BTreeMap::new();
    Box::new(move |device, mut frame| {
        match &mut frame {
            RelayFrame::Page { log, head, .. } => drop(logs.insert(device, (*log, *head))),
            RelayFrame::Live { log, items, .. } => {
                let head = items.last().map_or(Cursor::ZERO, Item::cursor);
                logs.insert(device, (*log, head));
            }
            RelayFrame::Diverged { request, group, .. } => {
                if let Some((log, head)) = logs.get(&device).copied() {
                    let (request, group) = (*request, *group);
                    let (floor, snapshot, floor_prefix) = (None, None, None);
                    frame = RelayFrame::Opened { request, group, log, head, floor, snapshot, floor_prefix };
                }
            }
            _ => {}
        }
        vec![frame.encode()]
    })
}

/// No lie: the log of a group in which somebody writes by a newer version, before and behind what everybody understands. A device is given
/// these bytes in the place of an entry.
pub fn written_anew(anew: impl Fn(usize, &[u8]) -> Option<Vec<u8>> + 'static) -> Lie {
    with_items(move |device, items| {
        for item in items {
            if let Item::Entry { bytes, .. } = item
                && let Some(newer) = anew(device, bytes)
            {
                *bytes = Bytes(newer);
            }
        }
    })
}

fn with_items(mut change: impl FnMut(usize, &mut Vec<Item>) + 'static) -> Lie {
    Box::new(move |device, mut frame| {
        if let Some(items) = items_of(&mut frame) {
            change(device, items);
        }
        vec![frame.encode()]
    })
}

fn items_of(frame: &mut RelayFrame) -> Option<&mut Vec<Item>> {
    match frame {
        RelayFrame::Page { items, .. } | RelayFrame::Live { items, .. } => Some(items),
        _ => None,
    }
}

fn brings_entries(frame: &RelayFrame) -> bool {
    matches!(frame, RelayFrame::Page { .. } | RelayFrame::Live { .. })
}

fn place(item: &mut Item, at: Cursor) {
    match item {
        Item::Entry { cursor, .. } | Item::Own { cursor, .. } => *cursor = at,
    }
}
