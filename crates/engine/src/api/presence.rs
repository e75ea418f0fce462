//! Who else is here: what pages are told of it.

use serde::{Deserialize, Serialize};

/// Another open database of the group that has said something about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct PresencePeer {
    /// The device it is on, lower-case base32; `null` for this one as long as there is no group.
    pub device: Option<String>,
    /// Which open database there: random, new at each opening.
    pub handle: String,
    /// The name that the device gave itself.
    pub name: String,
    /// What it says, as JSON by its word: nobody has checked it.
    pub state: String,
    /// Since when it has had a state, in milliseconds since 1970, by its own clock.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub since: u64,
    /// It is another tab, or another handle, of this device.
    pub me: bool,
}
