//! Joining by request: what pages are told of those who ask, and of what this device asked for.

use serde::{Deserialize, Serialize};

/// A device that asks to join the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct JoinRequestInfo {
    /// Which device, lower-case base32: its public key.
    pub device: String,
    /// The name that it gives itself; empty when it does not open. Nobody has checked it.
    pub name: String,
    /// What it would like to be: `admin`, `writer` or `reader`.
    pub role: String,
    /// When it asked, in milliseconds since 1970, by its own clock.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub asked_at: u64,
    /// Six words that the asking device shows too, if nobody sits in between. None when there was no memory to work them out.
    pub words: Vec<String>,
    /// The invite that it came with, which is open; `role` is the invite's then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub invite: Option<String>,
}

/// What this device has asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct OwnRequest {
    /// The group that it would like to join, lower-case base32.
    pub group: String,
    /// As whom it asks, and would be in the group.
    pub device: String,
    /// What it asks to be; an admin may decide otherwise.
    pub role: String,
    /// When it asked, in milliseconds since 1970.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub asked_at: u64,
    /// How it stands.
    pub state: OwnRequestState,
    /// The relay has it.
    pub delivered: bool,
    /// Six words that admins are shown too.
    pub words: Vec<String>,
    /// With `refused`: why the relay does not take it.
    pub code: Option<String>,
}

/// How this device's request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum OwnRequestState {
    /// It waits for the relay, or for an admin.
    Pending,
    /// An admin has said no. Asking again makes another request, as another device.
    Rejected,
    /// This device is a member by it.
    Admitted,
    /// The relay does not take it: it does not know the group, for one.
    Refused,
}
