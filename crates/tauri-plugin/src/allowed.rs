//! What a window may ask and hear. Every call and every event has its place here, so that a new one does not compile before somebody has given it one.

use ashore_native::api::{Call, Command, Event};
use ashore_native::{ErrorCode, Failure};
use serde::Deserialize;

/// One permission of an app: what stands in the scopes of `permissions/parts.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Read,
    Write,
    Sync,
    Admin,
}

/// A scope entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Grant {
    pub(crate) may: Part,
}

/// The parts that a window was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed(u8);

impl Part {
    const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Sync, Self::Admin];

    /// The permission's name in a capability.
    fn name(self) -> &'static str {
        match self {
            Self::Read => "ashore:read",
            Self::Write => "ashore:write",
            Self::Sync => "ashore:sync",
            Self::Admin => "ashore:admin",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Sync => 4,
            Self::Admin => 8,
        }
    }
}

impl Allowed {
    /// What was granted and not denied.
    pub(crate) fn of(granted: impl Iterator<Item = Part>, denied: impl Iterator<Item = Part>) -> Self {
        let bits = |parts: &mut dyn Iterator<Item = Part>| parts.fold(0, |bits, part| bits | part.bit());
        let (mut granted, mut denied) = (granted, denied);
        Self(bits(&mut granted) & !bits(&mut denied))
    }

    /// Everything: nothing has to be looked at.
    pub(crate) fn is_all(self) -> bool {
        Part::ALL.iter().all(|part| self.has(*part))
    }

    fn has(self, part: Part) -> bool {
        self.0 & part.bit() != 0
    }

    fn has_one_of(self, parts: &[Part]) -> bool {
        parts.is_empty() || parts.iter().any(|part| self.has(*part))
    }

    /// Why this call is refused, if it is.
    pub(crate) fn refusal(self, call: &Call) -> Option<Failure> {
        let missing = match asks(&call.command) {
            Asks::OneOf(parts) if self.has_one_of(parts) => return None,
            Asks::OneOf(parts) => {
                let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
                format!("This window lacks the permission `{}`.", names.join("` or `"))
            }
            Asks::Host => "Only the program itself may ask for this.".to_owned(),
        };
        Some(Failure::new(ErrorCode::PermissionRefused, missing))
    }

    /// Whether this window hears of it.
    pub(crate) fn hears(self, event: &Event) -> bool {
        self.has_one_of(match event {
            Event::Changed { .. }
            | Event::Patch { .. }
            | Event::Unwatched { .. }
            | Event::Indexes { .. }
            | Event::Presence { .. } => &[Part::Read],
            // Where things stand, for whoever talks to the engine at all.
            Event::Status { .. }
            | Event::Connected { .. }
            | Event::Disconnected { .. }
            | Event::Error { .. }
            | Event::Logged { .. }
            | Event::Keys { .. } => &[],
            Event::Membership { .. } => &[Part::Read, Part::Admin],
            Event::Requests { .. } | Event::OwnRequest { .. } => &[Part::Admin],
        })
    }
}

/// Who may ask something.
enum Asks {
    /// Windows with one of these parts, or any window.
    OneOf(&'static [Part]),
    /// No window: the program.
    Host,
}

fn asks(command: &Command) -> Asks {
    Asks::OneOf(match command {
        // Says nothing of what is in the database, or only what its events say to everybody.
        Command::Ping { .. }
        | Command::Status {}
        | Command::Keys {}
        | Command::Hint { .. }
        | Command::WatchLogs { .. }
        | Command::WatchTaken { .. }
        | Command::Unwatch { .. }
        | Command::UnwatchPresence { .. }
        | Command::Apply { .. } => &[],

        Command::Get { .. }
        | Command::List { .. }
        | Command::Scan { .. }
        | Command::Find { .. }
        | Command::Count { .. }
        | Command::Explain { .. }
        | Command::Collections {}
        | Command::Indexes { .. }
        | Command::IndexConflicts { .. }
        | Command::Parked { .. }
        | Command::Search { .. }
        | Command::Text { .. }
        | Command::DocumentStatus { .. }
        | Command::History { .. }
        | Command::At { .. }
        | Command::Conflicts { .. }
        | Command::Quarantine {}
        | Command::Diagnostics {}
        | Command::Check { .. }
        | Command::Storage { .. }
        | Command::SeenBy { .. }
        | Command::Watch { .. }
        | Command::WatchPresence { .. } => &[Part::Read],

        Command::Write { .. }
        | Command::UpdateMany { .. }
        | Command::DeleteMany { .. }
        | Command::DeclareIndexes { .. }
        | Command::DeclareCollection { .. } => &[Part::Write],

        Command::Flush { .. }
        | Command::EnableSync { .. }
        | Command::DisableSync { forget: false }
        | Command::ConfigureSync { .. }
        | Command::Addresses {}
        | Command::SyncNow { .. }
        | Command::SyncReady { .. }
        | Command::PublishSnapshot { .. }
        | Command::SetPresence { .. } => &[Part::Sync],

        Command::Devices {} => &[Part::Read, Part::Admin],

        Command::DisableSync { forget: true }
        | Command::CreateInvite { .. }
        | Command::Invites {}
        | Command::RevokeInvite { .. }
        | Command::JoinInvite { .. }
        | Command::RenameDevice { .. }
        | Command::RemoveDevice { .. }
        | Command::ChangeRole { .. }
        | Command::HandOver { .. }
        | Command::LeaveGroup {}
        | Command::RotateKeys {}
        | Command::Repair { .. }
        | Command::Export { .. }
        | Command::Import { .. }
        | Command::ConfigureRetention { .. }
        | Command::Unlock { .. }
        | Command::Lock {}
        | Command::ChangePassphrase { .. }
        | Command::WipeKeys {}
        | Command::CreateTicket { .. }
        | Command::RequestToJoin { .. }
        | Command::OwnRequest {}
        | Command::WithdrawRequest {}
        | Command::Requests {}
        | Command::ApproveRequest { .. }
        | Command::RejectRequest { .. }
        | Command::SetPassword { .. }
        | Command::CreateRecoveryPhrase {}
        | Command::Recoveries {}
        | Command::RemoveRecovery { .. }
        | Command::Recover { .. }
        | Command::CreateApprovalInvite { .. } => &[Part::Admin],

        // One window must not end the engine of the others, nor make it forget what another one asked.
        Command::Close {} | Command::ForgetClient { .. } => return Asks::Host,
    })
}
