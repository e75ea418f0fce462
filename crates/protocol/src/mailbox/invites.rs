//! Invitations: put by an admin, taken once, remembered as used or expired for a while.

use super::store::{Invitation, LogStore};
use super::{ConnectionId, Mailbox, Problem, Refused};
use crate::frame::{FailureCode, RelayFrame, RequestId};
use crate::ids::{DeviceId, GroupId, InvitePlace, Timestamp};

/// How often invitations that are past their grace are looked for.
const FORGET_EVERY_MS: u64 = 60_000;

impl<S: LogStore> Mailbox<S> {
    pub(super) fn put_invite(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        place: InvitePlace,
        invitation: Invitation,
    ) -> Result<(), Problem<S::Error>> {
        self.admin_of(invitation.group, &device)?;
        self.check_invitation(&invitation, now)?;
        match self.known_invitation(&place, now)? {
            Some(there) if there == invitation => {}
            Some(_) => return Err(FailureCode::InvitePlaceTaken.into()),
            None => {
                let open = self.store.open_invitations(&invitation.group, now).map_err(Problem::Store)?;
                if open >= self.config.limits.max_group_invites {
                    return Err(FailureCode::TooManyInvites.into());
                }
                self.store.put_invitation(&place, &invitation).map_err(Problem::Store)?;
            }
        }
        self.send(conn, &RelayFrame::InvitePut { request });
        Ok(())
    }

    pub(super) fn take_invite(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        place: InvitePlace,
    ) -> Result<(), Problem<S::Error>> {
        let peer = self.connections.get(&conn).and_then(|connection| connection.peer);
        self.admission.may_take(peer, now).map_err(|wait| {
            let code = FailureCode::TooManyAttempts;
            Problem::Refused(Refused { code, entry: None, retry_after_ms: Some(wait.0), close: true })
        })?;
        let Some(mut invitation) = self.known_invitation(&place, now)? else { return Err(self.missed(conn, now)) };
        match invitation.taken_by {
            // Its answer may have been lost.
            Some(taker) if taker == device => {}
            Some(_) => return Err(FailureCode::InviteUsed.into()),
            None if now > invitation.expires_at => return Err(FailureCode::InviteExpired.into()),
            None => {
                invitation.taken_by = Some(device);
                self.store.put_invitation(&place, &invitation).map_err(Problem::Store)?;
            }
        }
        let Invitation { sealed, expires_at, .. } = invitation;
        self.send(conn, &RelayFrame::Invitation { request, sealed, expires_at });
        Ok(())
    }

    pub(super) fn revoke_invite(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        request: RequestId,
        group: GroupId,
        place: InvitePlace,
    ) -> Result<(), Problem<S::Error>> {
        self.admin_of(group, &device)?;
        let there = self.store.invitation(&place).map_err(Problem::Store)?;
        let invitation = there.filter(|invitation| invitation.group == group).ok_or(FailureCode::InviteNotFound)?;
        if invitation.taken_by.is_some() {
            return Err(FailureCode::InviteUsed.into());
        }
        self.store.remove_invitation(&place).map_err(Problem::Store)?;
        self.send(conn, &RelayFrame::InviteRevoked { request });
        Ok(())
    }

    /// Every now and then, in a transaction that something else needed anyway.
    pub(super) fn forget_old_invites(&mut self, now: Timestamp) -> Result<(), S::Error> {
        if now.ms_since(self.forgot_invites_at) < FORGET_EVERY_MS {
            return Ok(());
        }
        self.forgot_invites_at = now;
        let grace_ms = self.config.limits.invite_grace_ms;
        self.store.remove_invitations_expired_before(Timestamp::from_ms(now.as_ms().saturating_sub(grace_ms)))
    }

    pub(super) fn admin_of(&mut self, group: GroupId, device: &DeviceId) -> Result<(), Problem<S::Error>> {
        let membership = &self.group(group)?.ok_or(FailureCode::UnknownGroup)?.membership;
        if !membership.may_read(device) {
            return Err(FailureCode::NotAMember.into());
        }
        if membership.may_admit(device) { Ok(()) } else { Err(FailureCode::RoleForbids.into()) }
    }

    fn check_invitation(&self, invitation: &Invitation, now: Timestamp) -> Result<(), FailureCode> {
        let limits = &self.config.limits;
        if invitation.sealed.len() > limits.max_invite_bytes as usize {
            return Err(FailureCode::InviteTooLarge);
        }
        let open = invitation.expires_at > now && invitation.expires_at <= now.plus_ms(limits.max_invite_ms);
        if open { Ok(()) } else { Err(FailureCode::InviteExpired) }
    }

    /// What lies at the place, unless it is past its grace.
    fn known_invitation(&self, place: &InvitePlace, now: Timestamp) -> Result<Option<Invitation>, Problem<S::Error>> {
        let grace_ms = self.config.limits.invite_grace_ms;
        let there = self.store.invitation(place).map_err(Problem::Store)?;
        Ok(there.filter(|invitation| now <= invitation.expires_at.plus_ms(grace_ms)))
    }

    /// Guessing is cut short: by connection, and by address.
    fn missed(&mut self, conn: ConnectionId, now: Timestamp) -> Problem<S::Error> {
        let Some(connection) = self.connections.get_mut(&conn) else { return FailureCode::InviteNotFound.into() };
        connection.misses += 1;
        self.admission.missed(connection.peer, now);
        if connection.misses < self.config.limits.max_invite_misses {
            return FailureCode::InviteNotFound.into();
        }
        Problem::Refused(Refused::closing(FailureCode::TooManyAttempts))
    }
}
