//! A hostile relay, as what it makes of the frames of an honest one: [`Network::lie`](super::Network::lie).
//!
//! It has the real mailbox behind it, so it knows everything that a relay can know: the entries, in order, and who is connected.

use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::{Item, RelayFrame};
use ashore_protocol::hash::entry_id;
use ashore_protocol::ids::{Cursor, EntryId};
use std::collections::BTreeSet;

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

/// One device is never given what another wrote after this, and is told that this is all: the rest is numbered as if it were not there.
pub fn withhold(from: usize, hidden: impl Fn(&[u8]) -> bool + 'static) -> Lie {
    let mut known: BTreeSet<EntryId> = BTreeSet::new();
    Box::new(move |device, mut frame| {
        if device != from {
            return vec![frame.encode()];
        }
        if let Some(items) = items_of(&mut frame) {
            items.retain(|item| match item {
                Item::Entry { bytes, .. } if hidden(bytes) => {
                    known.insert(entry_id(bytes));
                    false
                }
                _ => true,
            });
            let gone = known.len() as u64;
            for item in items {
                let cursor = Cursor::new(item.cursor().get().saturating_sub(gone)).unwrap_or_default();
                place(item, cursor);
            }
        }
        match &mut frame {
            RelayFrame::Live { items, .. } if items.is_empty() => return vec![],
            RelayFrame::Page { head, .. } | RelayFrame::Lagged { head, .. } => {
                *head = Cursor::new(head.get().saturating_sub(known.len() as u64)).unwrap_or_default();
            }
            _ => {}
        }
        vec![frame.encode()]
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
