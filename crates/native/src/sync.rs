//! Sharing a database with other devices through a relay.

use crate::conversation::Conversation;
use crate::query::wrong_reply;
use ashore_engine::api::{Command, Device, Failure, Hint, InviteInfo, OwnRequest, Reply, SyncStatus};
use std::sync::Arc;
use std::time::Duration;

/// How long a call that needs the relay waits for it, unless it is told.
const PATIENCE: Duration = Duration::from_secs(30);
const INVITE_TTL: Duration = Duration::from_secs(600);

/// Sync of one database.
#[derive(Clone)]
pub struct Sync {
    pub(crate) conversation: Arc<Conversation>,
}

/// An invitation for other devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id, as [`Sync::invites`] has it: says nothing of the code.
    pub id: String,
    /// `XXXX-XXXX-XXXX-XXXX`.
    pub short_code: String,
    /// A page's address with the code behind `#`, when the page was named.
    pub link: String,
    /// The link as a QR code: a `data:image/svg+xml` URL.
    pub qr_code: String,
    /// When it stops opening, in milliseconds since 1970.
    pub expires_at: u64,
}

/// What whoever joins by an invite becomes, how many may, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteOptions {
    /// `admin`, `writer` or `reader`.
    pub role: String,
    /// How many devices, 1 to 100.
    pub uses: u32,
    /// How long it opens.
    pub ttl: Duration,
    /// The page that the link opens; the code goes behind its `#`.
    pub link_base: Option<String>,
}

impl Default for InviteOptions {
    /// One admin, within ten minutes.
    fn default() -> Self {
        Self { role: "admin".into(), uses: 1, ttl: INVITE_TTL, link_base: None }
    }
}

/// What came of [`Sync::join_invite`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The group's id.
    pub group: String,
    /// The invite needs approval: what this device asks now, and is not in the group yet. `None`: it is.
    pub request: Option<OwnRequest>,
}

/// What came of pushing and pulling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synced {
    /// Entries that the relay acknowledged meanwhile.
    pub pushed: u64,
    /// Entries of others that were stored meanwhile.
    pub pulled: u64,
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
        self.now_within(PATIENCE).await.map(drop)
    }

    /// The same, with as much patience as is given; says how much went each way.
    pub async fn now_within(&self, at_most: Duration) -> Result<Synced, Failure> {
        match self.conversation.ask(Command::SyncNow { timeout_ms: millis(at_most) }).await? {
            Reply::Synced { pushed, pulled } => Ok(Synced { pushed, pulled }),
            _ => Err(wrong_reply()),
        }
    }

    /// Resolves as soon as everything of the group has been here once: at once when it was before, also offline.
    pub async fn ready(&self, at_most: Duration) -> Result<SyncStatus, Failure> {
        self.status_of(Command::SyncReady { timeout_ms: millis(at_most) }).await
    }

    /// A code with which another device becomes an admin within ten minutes; needs the relay.
    pub async fn create_invite(&self) -> Result<Invite, Failure> {
        self.create_invite_with(InviteOptions::default()).await
    }

    /// A code with which other devices join as these options say; needs the relay.
    pub async fn create_invite_with(&self, options: InviteOptions) -> Result<Invite, Failure> {
        let InviteOptions { role, uses, ttl, link_base } = options;
        let (role, uses) = (Some(role), Some(uses));
        let command = Command::CreateInvite { ttl_seconds: ttl.as_secs(), link_base, role, uses };
        match self.conversation.ask(command).await? {
            Reply::Invite { short_code, link, qr_code, expires_at, id } => {
                Ok(Invite { id, short_code, link, qr_code, expires_at })
            }
            _ => Err(wrong_reply()),
        }
    }

    /// The invites of the group, open or not.
    pub async fn invites(&self) -> Result<Vec<InviteInfo>, Failure> {
        match self.conversation.ask(Command::Invites {}).await? {
            Reply::Invites { invites } => Ok(invites),
            _ => Err(wrong_reply()),
        }
    }

    /// Joins the group of an invite, by a short code, a link or a QR code's text. With the link of an invite that needs approval it asks to join instead, and
    /// [`Sync::admitted`] waits for the answer.
    pub async fn join_invite(&self, invite: &str, relay: &str, device_name: &str) -> Result<Joined, Failure> {
        let command = Command::JoinInvite {
            invite: invite.to_owned(),
            relay: Some(relay.to_owned()),
            device_name: Some(device_name.to_owned()),
        };
        match self.conversation.ask(command).await? {
            Reply::Joined { group } => Ok(Joined { group, request: None }),
            Reply::OwnRequest { request: Some(request) } => {
                Ok(Joined { group: request.group.clone(), request: Some(request) })
            }
            _ => Err(wrong_reply()),
        }
    }

    /// The members of the group.
    pub async fn devices(&self) -> Result<Vec<Device>, Failure> {
        self.devices_of(Command::Devices {}).await
    }

    /// Removes the member of that id and changes the group's key. Answers who is left.
    pub async fn remove_device(&self, device: &str) -> Result<Vec<Device>, Failure> {
        self.devices_of(Command::RemoveDevice { device: device.to_owned() }).await
    }

    /// Makes the member of that id an `admin`, a `writer` or a `reader`. Answers the members.
    pub async fn change_role(&self, device: &str, role: &str) -> Result<Vec<Device>, Failure> {
        self.devices_of(Command::ChangeRole { device: device.to_owned(), role: role.to_owned() }).await
    }

    /// Renames this device for all members. Answers them.
    pub async fn rename_device(&self, name: &str) -> Result<Vec<Device>, Failure> {
        self.devices_of(Command::RenameDevice { name: name.to_owned() }).await
    }

    async fn devices_of(&self, command: Command) -> Result<Vec<Device>, Failure> {
        match self.conversation.ask(command).await? {
            Reply::Devices { devices } => Ok(devices),
            _ => Err(wrong_reply()),
        }
    }

    /// Leaves the group; documents stay. Once the relay knows, the group is forgotten here and sync is disabled.
    pub async fn leave(&self) -> Result<(), Failure> {
        self.conversation.ask(Command::LeaveGroup {}).await.map(drop)
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
