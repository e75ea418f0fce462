//! The answers that are kept for who asks again, read back: those to calls that change something.
//!
//! Only these. To read any [`Reply`] takes code that is larger than most of the engine's parts, and that pages would download.

use crate::api::{
    ChangedVersions, Device, InviteInfo, NotAMessage, Outcome, OwnRequest, RecoveryInfo, Reply, WriteResult, decode,
};
use serde::Deserialize;

/// Reads an outcome that was encoded as what it is in the API.
pub(super) fn read(bytes: &[u8]) -> Result<Outcome, NotAMessage> {
    let KeptOutcome::Ok(reply) = decode(bytes)?;
    Ok(Outcome::Ok(reply.into()))
}

/// What failed is not kept: nothing of it was applied.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum KeptOutcome {
    Ok(KeptReply),
}

/// As in [`Reply`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum KeptReply {
    Done {},
    Written {
        results: Vec<WriteResult>,
        #[serde(default)]
        changed: Vec<ChangedVersions>,
    },
    Updated {
        matched: u64,
        ids: Vec<String>,
        versions: Vec<String>,
        corrupt: Vec<String>,
        #[serde(default)]
        changed: Vec<ChangedVersions>,
    },
    Removed {
        ids: Vec<String>,
        corrupt: Vec<String>,
        #[serde(default)]
        changed: Vec<ChangedVersions>,
    },
    Invites {
        invites: Vec<InviteInfo>,
    },
    ApprovalInvite {
        id: String,
        link: String,
        qr_code: String,
        expires_at: u64,
    },
    Devices {
        devices: Vec<Device>,
    },
    OwnRequest {
        request: Option<OwnRequest>,
    },
    Recoveries {
        recoveries: Vec<RecoveryInfo>,
    },
}

impl From<KeptReply> for Reply {
    fn from(kept: KeptReply) -> Self {
        match kept {
            KeptReply::Done {} => Self::Done {},
            KeptReply::Written { results, changed } => Self::Written { results, changed },
            KeptReply::Updated { matched, ids, versions, corrupt, changed } => {
                Self::Updated { matched, ids, versions, corrupt, changed }
            }
            KeptReply::Removed { ids, corrupt, changed } => Self::Removed { ids, corrupt, changed },
            KeptReply::Invites { invites } => Self::Invites { invites },
            KeptReply::ApprovalInvite { id, link, qr_code, expires_at } => {
                Self::ApprovalInvite { id, link, qr_code, expires_at }
            }
            KeptReply::Devices { devices } => Self::Devices { devices },
            KeptReply::OwnRequest { request } => Self::OwnRequest { request },
            KeptReply::Recoveries { recoveries } => Self::Recoveries { recoveries },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::encode;

    #[test]
    fn what_a_call_that_writes_was_answered_is_read_as_it_was() {
        let changed =
            vec![ChangedVersions { collection: "notes".into(), id: "n1".into(), versions: vec!["v2".into()] }];
        let results = vec![
            WriteResult::Put { versions: vec!["v2".into()] },
            WriteResult::Deleted { existed: vec![true, false] },
            WriteResult::Text { version: "v3".into(), path: "body".into(), behind: true },
        ];
        let (ids, versions) = (vec!["n1".to_owned()], vec!["v2".to_owned()]);
        let text = || "text".to_owned();
        let replies = [
            Reply::Done {},
            Reply::Written { results: results.clone(), changed: changed.clone() },
            Reply::Written { results, changed: vec![] },
            Reply::Updated { matched: 3, ids: ids.clone(), versions, corrupt: ids.clone(), changed: changed.clone() },
            Reply::Removed { ids: ids.clone(), corrupt: vec![], changed },
            Reply::Invites { invites: vec![] },
            Reply::ApprovalInvite { id: text(), link: text(), qr_code: text(), expires_at: 7 },
            Reply::Devices { devices: vec![] },
            Reply::OwnRequest { request: None },
            Reply::Recoveries { recoveries: vec![] },
        ];
        for reply in replies {
            let outcome = Outcome::Ok(reply);
            assert_eq!(read(&encode(&outcome)).unwrap(), outcome);
        }
    }

    #[test]
    fn what_is_none_is_not_read() {
        assert!(read(b"?").is_err());
        assert!(read(&encode(&Outcome::Ok(Reply::Pong { text: "hello".into() }))).is_err());
    }
}
