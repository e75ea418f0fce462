//! Sharing a database with other devices through a relay.

use crate::conversation::Conversation;
use crate::query::wrong_reply;
use ashore_engine::api::{Command, Device, Failure, Hint, Reply, SyncStatus};
use std::sync::Arc;
use std::time::Duration;

/// How long a call that needs the relay waits for it, unless it is told.
const PATIENCE: Duration = Duration::from_secs(30);
const INVITE_TTL: Duration = Duration::from_secs(600);

/// Sync of one database.
#[derive(Clone)]
pub struct Sync {
    conversation: Arc<Conversation>,
}

/// A one-time invitation for another device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// `XXXX-XXXX-XXXX-XXXX`.
    pub short_code: String,
    /// A page's address with the code behind `#`, when the page was named.
    pub link: String,
    /// The link as a QR code: a `data:image/svg+xml` URL.
    pub qr_code: String,
    /// When it stops opening, in milliseconds since 1970.
    pub expires_at: u64,
}

impl Sync {
    pub(crate) fn of(conversation: Arc<Conversation>) -> Self {
        Self { conversation }
    }

    /// Starts syncing through this relay, such as `wss://relay.example.org/v1/ws`; resolves without a network. `device_name` is what other members see.
    pub async fn enable(&self, relay: &str, device_name: &str) -> Result<SyncStatus, Failure> {
        let relay = Some(relay.to_owned());
        self.status_of(Command::EnableSync { relay, device_name: Some(device_name.to_owned()) }).await
    }

    /// Stops syncing. With `forget` the group, its keys and its entries go too; documents stay.
    pub async fn disable(&self, forget: bool) -> Result<SyncStatus, Failure> {
        self.status_of(Command::DisableSync { forget }).await
    }

    /// Where sync stands, as the engine said last; `None` before it said anything.
    pub fn status(&self) -> Option<SyncStatus> {
        self.conversation.status()
    }

    /// Where sync stands, asked now.
    pub async fn fetch_status(&self) -> Result<SyncStatus, Failure> {
        self.status_of(Command::Status {}).await
    }

    async fn status_of(&self, command: Command) -> Result<SyncStatus, Failure> {
        match self.conversation.ask(command).await? {
            Reply::Status { status } => Ok(status),
            _ => Err(wrong_reply()),
        }
    }

    /// Pushes and pulls; resolves when both are through, and fails after half a minute.
    pub async fn now(&self) -> Result<(), Failure> {
        self.conversation.ask(Command::SyncNow { timeout_ms: millis(PATIENCE) }).await.map(drop)
    }

    /// A code with which another device becomes an admin within ten minutes; needs the relay.
    pub async fn create_invite(&self) -> Result<Invite, Failure> {
        let ttl_seconds = INVITE_TTL.as_secs();
        let command = Command::CreateInvite { ttl_seconds, link_base: None, role: None, uses: None };
        match self.conversation.ask(command).await? {
            Reply::Invite { short_code, link, qr_code, expires_at, .. } => {
                Ok(Invite { short_code, link, qr_code, expires_at })
            }
            _ => Err(wrong_reply()),
        }
    }

    /// Joins the group of an invite, by a short code, a link or a QR code's text. Answers the group's id.
    pub async fn join_invite(&self, invite: &str, relay: &str, device_name: &str) -> Result<String, Failure> {
        let command = Command::JoinInvite {
            invite: invite.to_owned(),
            relay: Some(relay.to_owned()),
            device_name: Some(device_name.to_owned()),
        };
        match self.conversation.ask(command).await? {
            Reply::Joined { group } => Ok(group),
            _ => Err(wrong_reply()),
        }
    }

    /// The members of the group.
    pub async fn devices(&self) -> Result<Vec<Device>, Failure> {
        match self.conversation.ask(Command::Devices {}).await? {
            Reply::Devices { devices } => Ok(devices),
            _ => Err(wrong_reply()),
        }
    }

    /// Something the program noticed that makes a retry worthwhile: the network came back, the app came to the front.
    pub async fn hint(&self, hint: Hint) -> Result<(), Failure> {
        self.conversation.ask(Command::Hint { hint }).await.map(drop)
    }
}

impl std::fmt::Debug for Sync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sync(…)")
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
