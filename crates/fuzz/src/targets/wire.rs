//! Everything that stands in the clear on the wire: frames both ways, entries, headers, controls, invite codes and ids.

use ashore_protocol::codec;
use ashore_protocol::control::Control;
use ashore_protocol::frame::{ClientFrame, Received, RelayFrame};
use ashore_protocol::invite::InviteCode;
use ashore_protocol::mailbox::{Prepared, prepare};
use ashore_protocol::peer::PeerFrame;
use ashore_protocol::{DeviceId, Entry, GroupId, Header, Limits, VerifiedEntry};

/// How many ways there are to read the bytes.
pub const KINDS: u8 = 9;

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % KINDS {
        0 => client_frame(bytes),
        1 => relay_frame(bytes),
        2 => entry(bytes),
        3 => {
            if let Ok(header) = Header::parse(bytes) {
                assert_eq!(codec::encode(&header), bytes, "a header has one encoding");
            }
        }
        4 => {
            if let Ok(control) = Control::parse(bytes) {
                assert_eq!(codec::encode(&control), bytes, "a control has one encoding");
            }
        }
        5 => {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(code) = InviteCode::parse(&text) {
                assert!(InviteCode::parse(&code.to_string()) == Ok(code.clone()), "a code reads back");
                assert!(InviteCode::parse(&code.link(&text)) == Ok(code), "and so does its link");
            }
        }
        6 => {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(id) = text.parse::<GroupId>() {
                assert_eq!(id.to_string().parse(), Ok(id));
            }
            let _ = DeviceId::from_slice(bytes);
        }
        7 => {
            let limits = Limits { max_frame_bytes: 2_000, ..Limits::default() };
            if let Prepared::Append { entries, .. } = prepare(bytes, &limits) {
                assert!(entries.len() <= bytes.len());
            }
        }
        _ => {
            if let Ok(Received::Frame(frame)) = PeerFrame::decode(bytes) {
                let again = PeerFrame::decode(&frame.encode());
                assert!(matches!(again, Ok(Received::Frame(again)) if again == frame), "a frame reads back: {frame:?}");
            }
        }
    }
}

fn client_frame(bytes: &[u8]) {
    if let Ok(Received::Frame(frame)) = ClientFrame::decode(bytes) {
        let again = ClientFrame::decode(&frame.encode());
        assert!(matches!(again, Ok(Received::Frame(again)) if again == frame), "a frame reads back: {frame:?}");
    }
}

fn relay_frame(bytes: &[u8]) {
    if let Ok(Received::Frame(frame)) = RelayFrame::decode(bytes) {
        let again = RelayFrame::decode(&frame.encode());
        assert!(matches!(again, Ok(Received::Frame(again)) if again == frame), "a frame reads back: {frame:?}");
    }
}

fn entry(bytes: &[u8]) {
    let Ok(entry) = Entry::decode(bytes) else { return };
    assert_eq!(entry.encoded(), bytes);
    assert_eq!(codec::encode(entry.header()), entry.header_bytes(), "the header has one encoding");
    let id = entry.id();
    match entry.clone().verify() {
        Ok(verified) => assert_eq!(verified.id(), id),
        // What is read back from our own store is not verified again, and must be as harmless.
        Err(_) => drop(entry.verified_before()),
    }
    let _ = VerifiedEntry::decode(bytes);
}
