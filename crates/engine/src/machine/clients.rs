//! Who asks, and what they were answered: a call that is asked again is answered again and never applied twice.

use crate::api::{Outcome, decode, encode};
use ashore_protocol::codec::{self, Bytes};
use ashore_protocol::ids::Timestamp;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Answers of a client that did not come back are forgotten after a day.
const FORGET_AFTER_MS: u64 = 24 * 3_600_000;

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
        self.answered.get(&id).and_then(|bytes| decode(bytes).ok())
    }
}

#[derive(Debug, Default)]
pub(super) struct Clients(BTreeMap<String, Client>);

impl Clients {
    /// Takes a client's row from the store, which may have asked already; `false` when it is too old or damaged and may be
    /// deleted.
    pub(super) fn restore(&mut self, name: String, row: &[u8], now: Timestamp) -> bool {
        let Ok(stored) = codec::decode::<Stored>(row) else { return false };
        if now.ms_since(stored.at) > FORGET_AFTER_MS {
            return false;
        }
        let client = self.0.entry(name).or_default();
        client.answered = stored.answers.into_iter().filter(|(id, _)| *id > client.received).collect();
        true
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
        self.0.entry(client.to_owned()).or_default().answered.insert(id, encode(outcome).into());
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
