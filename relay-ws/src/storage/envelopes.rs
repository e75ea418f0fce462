//! Envelopes of recoveries as rows.

use super::{SqliteLogStore, StorageError, integer, time};
use ashore_protocol::codec::Bytes;
use ashore_protocol::envelope::{EnvelopeVerifier, PasswordHint};
use ashore_protocol::ids::{EntryId, EnvelopePlace, GroupId};
use ashore_protocol::mailbox::{Envelope, Tries};
use rusqlite::{Row, params};
use std::collections::BTreeMap;

impl SqliteLogStore {
    pub(super) fn envelope_row(&self, place: &EnvelopePlace) -> Result<Option<Envelope>, StorageError> {
        let sql = "SELECT grp, recovery, hidden, memory_kib, passes, salt, verifier, sealed, wrong, wrong_ms
                   FROM envelope WHERE place = ?1";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([place.as_bytes()])?;
        rows.next()?.map(envelope_of).transpose()
    }

    pub(super) fn put_envelope_row(&self, place: &EnvelopePlace, envelope: &Envelope) -> Result<(), StorageError> {
        let Envelope { group, recovery, hidden, hint, verifier, sealed, tries } = envelope;
        let sql = "INSERT OR REPLACE INTO envelope
                   (place, grp, recovery, hidden, memory_kib, passes, salt, verifier, sealed, wrong, wrong_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.statement(sql)?.execute(params![
            place.as_bytes(),
            group.as_bytes(),
            recovery.as_bytes(),
            hidden,
            hint.map(|hint| hint.memory_kib),
            hint.map(|hint| hint.passes),
            hint.map(|hint| hint.salt),
            verifier.0,
            sealed.0,
            tries.wrong,
            integer(tries.last.as_ms()),
        ])?;
        Ok(())
    }

    pub(super) fn envelope_places(&self, group: &GroupId) -> Result<BTreeMap<EnvelopePlace, EntryId>, StorageError> {
        let mut statement = self.statement("SELECT place, recovery FROM envelope WHERE grp = ?1")?;
        let rows = statement.query_map([group.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut places = BTreeMap::new();
        for row in rows {
            let (place, recovery): (Vec<u8>, Vec<u8>) = row?;
            let place = EnvelopePlace::from_slice(&place).ok_or(StorageError::Damaged("an envelope's place"))?;
            let recovery = EntryId::from_slice(&recovery).ok_or(StorageError::Damaged("an envelope's recovery"))?;
            places.insert(place, recovery);
        }
        Ok(places)
    }
}

fn envelope_of(row: &Row<'_>) -> Result<Envelope, StorageError> {
    let (group, recovery): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let group = GroupId::from_slice(&group).ok_or(StorageError::Damaged("an envelope's group"))?;
    let recovery = EntryId::from_slice(&recovery).ok_or(StorageError::Damaged("an envelope's recovery"))?;
    let salt: Option<Vec<u8>> = row.get(5)?;
    let hint = match (row.get(3)?, row.get(4)?, salt) {
        (Some(memory_kib), Some(passes), Some(salt)) => {
            let salt = salt.try_into().map_err(|_| StorageError::Damaged("an envelope's salt"))?;
            Some(PasswordHint { memory_kib, passes, salt })
        }
        _ => None,
    };
    let verifier: Vec<u8> = row.get(6)?;
    let verifier = verifier.try_into().map_err(|_| StorageError::Damaged("an envelope's verifier"))?;
    let tries = Tries { wrong: row.get(8)?, last: time(row.get(9)?) };
    let (hidden, verifier, sealed) = (row.get(2)?, EnvelopeVerifier(verifier), Bytes(row.get(7)?));
    Ok(Envelope { group, recovery, hidden, hint, verifier, sealed, tries })
}
