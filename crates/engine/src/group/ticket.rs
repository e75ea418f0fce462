//! A ticket: where a group is and how to ask to be let in. Whoever has it may ask, and an admin decides. It holds no secret but the one of an
//! invite that needs approval, which says no more than where who asks has it from.

use super::mark::MarkSecret;
use crate::crypto::BOX_KEY_BYTES;
use ashore_protocol::control::Role;
use ashore_protocol::ids::{Epoch, GroupId};
use data_encoding::BASE32_DNSSEC;
use std::fmt::Write as _;

/// The longest text that is read as a ticket.
const MAX_TEXT_BYTES: usize = 8_192;
/// The most relays that a ticket names, and the longest address.
const MAX_RELAYS: usize = 8;
const MAX_ADDRESS_BYTES: usize = 1_024;
const FIRST: &str = "ticket";

/// What a device has to know to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which group.
    pub group: GroupId,
    /// Addresses of relays that keep its log, the best first.
    pub relays: Vec<String>,
    /// What the asking device's name is sealed with.
    pub key: [u8; BOX_KEY_BYTES],
    /// The epoch whose key that one grew from.
    pub epoch: Epoch,
    /// It is an invite that needs approval: what requests are marked with. A version before these passes it over and asks without.
    pub mark: Option<MarkSecret>,
    /// What the invite proposes that who asks becomes.
    pub role: Option<Role>,
}

/// The text is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no ticket")]
pub struct NoTicket;

impl Ticket {
    /// The link that opens an app at `base` and asks. What follows the `#` is sent to no server.
    pub fn link(&self, base: &str) -> String {
        let base = base.split('#').next().unwrap_or_default();
        let mut link = format!("{base}#{FIRST}={}", self.group);
        for relay in &self.relays {
            let _ = write!(link, "&relay={}", escaped(relay));
        }
        let _ = write!(link, "&k={}&e={}", BASE32_DNSSEC.encode(&self.key), self.epoch.0);
        if let Some(mark) = &self.mark {
            let _ = write!(link, "&i={}", BASE32_DNSSEC.encode(mark.expose()));
        }
        if let Some(role) = self.role {
            let _ = write!(link, "&r={}", role_letter(role));
        }
        link
    }

    /// Finds the ticket in what a person pasted or a camera read. Parameters that this version does not know are passed over.
    pub fn parse(text: &str) -> Result<Self, NoTicket> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(NoTicket);
        }
        let text = text.trim();
        let parameters = text.rsplit_once('#').map_or(text, |(_, rest)| rest);
        let (mut group, mut key, mut epoch, mut relays) = (None, None, Epoch(0), Vec::new());
        let (mut mark, mut role) = (None, None);
        for parameter in parameters.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                FIRST => group = Some(value.parse().map_err(|_| NoTicket)?),
                "k" => key = Some(parse_key(value).ok_or(NoTicket)?),
                "e" => epoch = Epoch(value.parse().map_err(|_| NoTicket)?),
                "i" => mark = Some(MarkSecret::new(parse_key(value).ok_or(NoTicket)?)),
                "r" => role = parse_role(value),
                "relay" if relays.len() < MAX_RELAYS => {
                    let address = unescaped(value).filter(|address| address.len() <= MAX_ADDRESS_BYTES);
                    relays.push(address.ok_or(NoTicket)?);
                }
                _ => {}
            }
        }
        let (Some(group), Some(key)) = (group, key) else { return Err(NoTicket) };
        Ok(Self { group, relays, key, epoch, mark, role })
    }
}

fn role_letter(role: Role) -> char {
    match role {
        Role::Reader => 'r',
        Role::Writer => 'w',
        Role::Admin => 'a',
    }
}

/// A role that this version does not know is none: who asks asks for what it would without.
fn parse_role(letter: &str) -> Option<Role> {
    match letter {
        "r" => Some(Role::Reader),
        "w" => Some(Role::Writer),
        "a" => Some(Role::Admin),
        _ => None,
    }
}

fn parse_key(text: &str) -> Option<[u8; BOX_KEY_BYTES]> {
    BASE32_DNSSEC.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// What stands in the fragment of an address as it is; all else is written as percent signs and digits.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'@' => {
                escaped.push(char::from(byte));
            }
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

fn unescaped(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn ticket() -> Ticket {
        let relays = vec!["wss://relay.example.org/v1/ws".to_owned(), "ws://127.0.0.1:7420/a b&c=d#e?é%".to_owned()];
        Ticket { group: GroupId([7; 32]), relays, key: [9; 32], epoch: Epoch(3), mark: None, role: None }
    }

    #[test]
    fn a_ticket_is_written_as_the_same_link_for_ever() {
        let link = ticket().link("https://app.example/lists?a=1#old");
        let (id, key) = (GroupId([7; 32]).to_string(), GroupId([9; 32]).to_string());
        let relays = "relay=wss://relay.example.org/v1/ws&relay=ws://127.0.0.1:7420/a%20b%26c%3Dd%23e%3F%C3%A9%25";
        assert_eq!(link, format!("https://app.example/lists?a=1#ticket={id}&{relays}&k={key}&e=3"));
        assert_eq!(Ticket::parse(&link).unwrap(), ticket());
    }

    #[test]
    fn parameters_that_nobody_knows_are_passed_over_wherever_they_stand() {
        let link = ticket().link("https://app.example/");
        let more = link.replace("#ticket=", "#x=1&y&ticket=").replace("&k=", "&z=%ZZ&k=") + "&later=%";
        assert_eq!(Ticket::parse(&more).unwrap(), ticket());
        let (_, bare) = link.split_once('#').unwrap();
        assert_eq!(Ticket::parse(&format!(" {bare}\n")).unwrap(), ticket());
    }

    #[test]
    fn an_invite_that_needs_approval_is_a_ticket_with_two_parameters_more() {
        let mark = Some(MarkSecret::new([5; 32]));
        let invite = Ticket { mark, role: Some(Role::Reader), ..ticket() };
        let link = invite.link("https://app.example/");
        let secret = GroupId([5; 32]).to_string();
        assert_eq!(link, format!("{}&i={secret}&r=r", ticket().link("https://app.example/")));
        assert_eq!(Ticket::parse(&link).unwrap(), invite);
        assert_eq!(Ticket::parse(&link.replace("&r=r", "&r=x")).unwrap().role, None);
        assert_eq!(Ticket::parse(&link.replace("&i=", "&i=0")), Err(NoTicket));
    }

    #[test]
    fn what_lacks_the_group_or_the_key_is_no_ticket() {
        let link = ticket().link("");
        for text in ["", "#", "7KQ2-0000-0000-0000", &link.replace("ticket=", "other="), &link.replace("&k=", "&q=")] {
            assert_eq!(Ticket::parse(text), Err(NoTicket), "{text}");
        }
        assert_eq!(Ticket::parse(&link.replace("&e=3", "&e=x")), Err(NoTicket));
        assert_eq!(Ticket::parse(&(link + &"&a=b".repeat(3_000))), Err(NoTicket));
    }

    proptest! {
        #[test]
        fn every_ticket_parses_from_its_link(
            group: [u8; 32],
            key: [u8; 32],
            epoch: u32,
            mark: Option<[u8; 32]>,
            relays in proptest::collection::vec("\\PC{0,60}", 0..=8),
        ) {
            let (mark, role) = (mark.map(MarkSecret::new), mark.map(|_| Role::Admin));
            let ticket = Ticket { group: GroupId(group), relays, key, epoch: Epoch(epoch), mark, role };
            prop_assert_eq!(Ticket::parse(&ticket.link("https://app.example/")).unwrap(), ticket);
        }

        #[test]
        fn any_text_is_a_ticket_or_none(text in "\\PC*") {
            let _ = Ticket::parse(&text);
            let _ = Ticket::parse(&format!("#ticket={text}"));
        }
    }
}
