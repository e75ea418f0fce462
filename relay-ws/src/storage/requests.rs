//! The rows of requests to join.

use super::{SqliteLogStore, StorageError, integer, time};
use ashore_protocol::codec::Bytes;
use ashore_protocol::ids::{DeviceId, GroupId};
use ashore_protocol::mailbox::StoredRequest;
use ashore_protocol::request::SignedRequest;
use ashore_protocol::sign::Signature;
use rusqlite::params;

impl SqliteLogStore {
    pub(super) fn request_rows(&self, group: &GroupId) -> Result<Vec<StoredRequest>, StorageError> {
        let sql = "SELECT device, request, signature, came_ms, rejected FROM join_request
                   WHERE grp = ?1 ORDER BY came_ms, device";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([group.as_bytes()])?;
        let mut requests = Vec::new();
        while let Some(row) = rows.next()? {
            let (device, signature): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(2)?);
            let device = DeviceId::from_slice(&device).ok_or(StorageError::Damaged("a device"))?;
            let signature = signature.try_into().map_err(|_| StorageError::Damaged("a signature"))?;
            let asks = SignedRequest { request: Bytes(row.get(1)?), signature: Signature(signature) };
            requests.push(StoredRequest { device, asks, came_at: time(row.get(3)?), is_rejected: row.get(4)? });
        }
        Ok(requests)
    }

    pub(super) fn put_request_row(&self, group: &GroupId, request: &StoredRequest) -> Result<(), StorageError> {
        let StoredRequest { device, asks, came_at, is_rejected } = request;
        let sql = "INSERT OR REPLACE INTO join_request (grp, device, request, signature, came_ms, rejected)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (came, signature) = (integer(came_at.as_ms()), asks.signature.0.as_slice());
        let row = params![group.as_bytes(), device.as_bytes(), asks.request.0, signature, came, is_rejected];
        self.statement(sql)?.execute(row)?;
        Ok(())
    }
}
