//! Small rows: that they can be read, and decode where they say what everything else rests on.

use super::fault::Fault;
use crate::api::HealthCounts;
use crate::collection::Declarations;
use crate::group::{AskingState, GroupState, JoiningState, RelayPlace};
use crate::index;
use crate::machine::Machine;
use crate::machine::opening::SettingsRow;
use crate::store::{Key, RowValue, Rows};
use ashore_protocol::codec::decode;

impl Machine {
    pub(super) fn look_at_others(&self, rows: &Rows) -> (HealthCounts, Vec<Fault>) {
        let unreadable = |(key, row): &&(Key, RowValue)| !row.present().is_some_and(|bytes| decodes(key, bytes));
        let faults = rows.rows.iter().filter(unreadable).map(|(key, _)| Fault::Other { key: key.clone() });
        (HealthCounts::default(), faults.collect())
    }
}

fn decodes(key: &[u8], bytes: &[u8]) -> bool {
    match key.first() {
        Some(b's') => decode::<SettingsRow>(bytes).is_ok(),
        Some(b'g') => decode::<GroupState>(bytes).is_ok(),
        Some(b'j') => decode::<JoiningState>(bytes).is_ok(),
        Some(b't') => decode::<AskingState>(bytes).is_ok(),
        Some(b'r') => decode::<RelayPlace>(bytes).is_ok(),
        Some(b'd') => index::decode(bytes).is_ok(),
        Some(b'w') => Declarations::decode(bytes).is_ok(),
        _ => true,
    }
}
