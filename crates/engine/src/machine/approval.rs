//! Invites that need approval: whoever comes with one asks to join, and an admin decides.
//!
//! Such an invite is a ticket with a secret, and a control entry that says what it proposes, how often and how long. The entry's own key
//! is thrown away, so nobody joins by it. What marks are checked by lies in its note, sealed for members. A use is counted where an admin
//! lets somebody in: what is sealed beside the name in that entry names the invite.

use super::Machine;
use super::invites::{AskedInvite, Terms, lacks_the_key};
use super::sync::Group;
use crate::api::{Failure, Reply};
use crate::group::{InviteNote, MarkSecret, Ticket, ticket_secret};
use ashore_protocol::control::{Control, Role};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{EntryId, InvitePlace};
use ashore_protocol::membership::OpenInvite;
use ashore_protocol::sign::SigningKey;

/// Whether this is the link of an invite that needs approval.
pub(super) fn needs_approval(invite: &str) -> bool {
    Ticket::parse(invite).is_ok_and(|ticket| ticket.mark.is_some())
}

impl Machine {
    /// Nothing lies at the relay, so this works offline.
    pub(super) fn create_approval_invite(&mut self, asked: &AskedInvite) -> Result<Reply, Failure> {
        let group = self.need_role(Role::Admin)?;
        let Terms { role, uses, expires_at } = asked.terms(self.now)?;
        let (id, epoch_key) = (group.state.group, group.sealing().map(|(epoch, key)| (epoch, key.clone())));
        let (epoch, key) = epoch_key.ok_or_else(lacks_the_key)?;
        let secret = MarkSecret::random(&mut self.rng);
        // A version before these looks at the relay when it withdraws one: nothing lies at this place.
        let note = InviteNote { place: InvitePlace(self.rng.bytes()), marks: Some(secret.public()) };
        let sealed = note.seal(&key, &mut self.rng).into();
        let invite_key = SigningKey::from_seed(&self.rng.bytes()).invite_key();
        let entry = self.sign_control(&Control::Invite { invite_key, role, expires_at, uses, sealed })?;
        let (relays, key) = (self.sync.settings.relays(), ticket_secret(&key).public());
        let ticket = Ticket { group: id, relays, key, epoch, mark: Some(secret), role: Some(role) };
        let link = ticket.link(asked.link_base.as_deref().unwrap_or("ashore:"));
        let (qr_code, expires_at) = (super::qr::svg_data_url(&link), expires_at.as_ms());
        Ok(Reply::ApprovalInvite { id: entry.id().to_string(), link, qr_code, expires_at })
    }
}

impl Group {
    /// Takes note of an invite that needs approval.
    pub(super) fn note_marks(&mut self, entry: &VerifiedEntry, sealed: &[u8]) {
        let note = self.secrets.epochs.of(entry.epoch()).find_map(|key| InviteNote::open(key, sealed));
        self.marks.extend(note.and_then(|note| note.marks).map(|key| (entry.id(), key)));
    }

    /// How many may still come in by an invite: of one that needs approval, how many may still be let in.
    pub(super) fn uses_left(&self, id: &EntryId, invite: &OpenInvite) -> u32 {
        let used = self.came_with.iter().filter(|(by, with)| *with == id && self.membership.has_applied(by)).count();
        invite.uses_left.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }
}
