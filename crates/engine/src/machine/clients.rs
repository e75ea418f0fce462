//! Who asks, and what they were answered: a call that is asked again is answered again and never applied twice.

use super::kept;
use crate::api::{Outcome, encode};
use ashore_protocol::codec::{self, Bytes};
use ashore_protocol::gather::{Gather, sorted_by};
use ashore_protocol::ids::Timestamp;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Answers of a client that did not come back are kept for a day at least.
const KEPT_MS: u64 = 24 * 3_600_000;
/// After that those of so many clients are kept, the latest: a tab that slept for months asks again, and is not to write twice.
const KEPT_CLIENTS: usize = 200;
/// Together at most of this size.
const KEPT_BYTES: usize = 4 << 20;

#[derive(Debug, Default)]
pub(super) struct Client {
    /// Answers to writes that the client has not confirmed; kept in the store.
    answered: BTreeMap<u64, Bytes>,
    /// Calls that are queued or wait for something.
    asked: BTreeSet<u64>,
    /// The client has every answer up to this one.
    received: u64,
}

/// What to do with a call.
#[allow(clippy::large_enum_variant, reason = "it is looked at where it is made and never kept")]
pub(super) enum Admission {
    New,
    /// It is being worked on: its answer will come.
    Underway,
    /// It was done: this was the answer.
    Answered(Outcome),
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Stored {
    #[n(0)]
    at: Timestamp,
    #[n(1)]
    answers: Vec<(u64, Bytes)>,
}

impl Client {
    fn outcome(&self, id: u64) -> Option<Outcome> {
        self.answered.get(&id).and_then(|bytes| kept::read(bytes).ok())
    }
}

#[derive(Debug, Default)]
pub(super) struct Clients(BTreeMap<String, Client>);

impl Clients {
    /// Takes the clients' rows from the store, some of which may have asked already; answers the names of those that are too old or damaged
    /// and may be deleted.
    pub(super) fn restore(&mut self, rows: Vec<(String, Option<&[u8]>)>, now: Timestamp) -> Vec<String> {
        let (mut known, mut gone) = (Vec::new(), Vec::new());
        for (name, row) in rows {
            match row.and_then(|row| Some((codec::decode::<Stored>(row).ok()?, row.len()))) {
                Some((stored, bytes)) => known.push((name, stored, bytes)),
                None => gone.push(name),
            }
        }
        let known = sorted_by(known, |(_, a, _), (_, b, _)| b.at.cmp(&a.at));
        let mut bytes_before = 0;
        for (index, (name, stored, bytes)) in known.into_iter().enumerate() {
            bytes_before += bytes;
            let many = index >= KEPT_CLIENTS || bytes_before > KEPT_BYTES;
            if many && now.ms_since(stored.at) > KEPT_MS {
                gone.push(name);
                continue;
            }
            let client = self.0.entry(name).or_default();
            client.answered = stored.answers.into_iter().filter(|(id, _)| *id > client.received).gather();
        }
        gone
    }

    pub(super) fn admit(&mut self, client: &str, id: u64) -> Admission {
        let client = self.0.entry(client.to_owned()).or_default();
        if !client.asked.insert(id) {
            return Admission::Underway;
        }
        client.outcome(id).map_or(Admission::New, Admission::Answered)
    }

    /// The answer that a call got before: what is asked while the database opens is admitted before it is known.
    pub(super) fn outcome(&self, client: &str, id: u64) -> Option<Outcome> {
        self.0.get(client)?.outcome(id)
    }

    /// The client has every answer up to this one.
    pub(super) fn received(&mut self, client: &str, through: u64) {
        let client = self.0.entry(client.to_owned()).or_default();
        client.received = client.received.max(through);
        client.answered = client.answered.split_off(&through.saturating_add(1));
    }

    /// The call is answered.
    pub(super) fn done(&mut self, client: &str, id: u64) {
        if let Some(client) = self.0.get_mut(client) {
            client.asked.remove(&id);
        }
    }

    /// The call is answered and must not be applied again.
    pub(super) fn remember(&mut self, client: &str, id: u64, outcome: &Outcome) {
        let client = self.0.entry(client.to_owned()).or_default();
        client.answered.insert(id, encode(outcome).into());
        debug_assert_eq!(client.outcome(id).as_ref(), Some(outcome), "what is kept can be read");
    }

    pub(super) fn forget(&mut self, client: &str) {
        self.0.remove(client);
    }

    /// The client's row, or `None` when there is nothing to remember.
    pub(super) fn row(&self, client: &str, now: Timestamp) -> Option<Vec<u8>> {
        let client = self.0.get(client)?;
        if client.answered.is_empty() {
            return None;
        }
        let answers = client.answered.iter().map(|(id, bytes)| (*id, bytes.clone())).collect();
        Some(codec::encode(&Stored { at: now, answers }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::Reply;

    const YEAR_MS: u64 = 365 * KEPT_MS;

    /// The row of a client that has not confirmed its first call, made at this time.
    fn row(at: u64) -> Vec<u8> {
        let mut clients = Clients::default();
        clients.remember("it", 1, &Outcome::Ok(Reply::Done {}));
        clients.row("it", Timestamp::from_ms(at)).unwrap()
    }

    #[test]
    fn a_client_that_slept_for_a_year_is_answered_what_it_was_answered() {
        let (mut clients, row) = (Clients::default(), row(1_000));
        let gone = clients.restore(vec![("tab".into(), Some(&row))], Timestamp::from_ms(1_000 + YEAR_MS));
        assert!(gone.is_empty());
        assert!(matches!(clients.admit("tab", 1), Admission::Answered(_)));
    }

    #[test]
    fn of_many_old_clients_the_latest_are_kept_and_all_of_the_last_day() {
        let rows: Vec<_> =
            (0..KEPT_CLIENTS as u64 + 50).map(|index| (format!("tab {index}"), row(1_000 + index))).collect();
        let asked = |now| {
            let rows = rows.iter().map(|(name, row)| (name.clone(), Some(row.as_slice()))).collect();
            Clients::default().restore(rows, Timestamp::from_ms(now))
        };
        assert!(asked(5_000).is_empty());
        let mut gone = asked(YEAR_MS);
        gone.sort();
        let mut first: Vec<_> = (0..50).map(|index| format!("tab {index}")).collect();
        first.sort();
        assert_eq!(gone, first);
    }

    #[test]
    fn a_damaged_row_is_given_up() {
        let gone =
            Clients::default().restore(vec![("tab".into(), Some(b"?")), ("lost".into(), None)], Timestamp::from_ms(0));
        assert_eq!(gone, ["tab", "lost"]);
    }
}
