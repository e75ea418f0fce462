//! Coming back by a recovery: a fresh device fetches the envelope, opens it, and joins with what lies in it.

use super::Machine;
use super::link::Stage;
use super::sync::Joining;
use crate::api::{ErrorCode, Failure, Passphrase};
use crate::crypto::password::PasswordError;
use crate::crypto::phrase::RecoveryWords;
use crate::crypto::{KemSecret, Key};
use crate::group::{Invitation, RecoveryAccess, RecoveryKit, RecoveryLocator, RecoverySecret, Secrets};
use crate::time::Timestamp;
use ashore_protocol::envelope::PasswordHint;
use ashore_protocol::frame::{ClientFrame, FailureCode, RequestId};
use ashore_protocol::ids::Epoch;

/// How long a call waits for the relay while somebody comes back. Deriving a key takes its time too.
const RELAY_WAIT_MS: u64 = 60_000;

/// By what somebody comes back.
pub(super) enum RecoverBy {
    /// By a password, of which it is not known yet what stretching it takes.
    Password { locator: RecoveryLocator, password: Passphrase },
    /// By what fetches and opens the envelope.
    Access { access: RecoveryAccess, of_words: bool },
}

impl RecoverBy {
    /// What was typed: a password with what it is found by, or 24 words.
    pub(super) fn parse(locator: Option<&str>, secret: Passphrase) -> Result<Self, Failure> {
        let Some(locator) = locator else {
            let words = RecoveryWords::parse(secret.expose());
            let words = words.map_err(|error| Failure::new(ErrorCode::RecoveryBadWords, error.to_string()))?;
            return Ok(Self::Access { access: RecoveryAccess::with_words(&words), of_words: true });
        };
        let locator = RecoveryLocator::parse(locator);
        let locator = locator.map_err(|error| Failure::new(ErrorCode::RecoveryBadLocator, error.to_string()))?;
        Ok(Self::Password { locator, password: secret })
    }
}

impl Machine {
    /// The answer comes when the relay has taken the join.
    pub(super) fn recover(&mut self, client: &str, call: u64, by: RecoverBy) -> Result<(), Failure> {
        self.check_may_join()?;
        let secrets = Secrets::generate(&mut self.rng);
        self.begin_joining(client, call, Joining::Recovering { by, secrets }, RELAY_WAIT_MS);
        Ok(())
    }

    /// Asks what the password takes, or for the envelope.
    pub(super) fn ask_for_envelope(&mut self) {
        let (Some(Joining::Recovering { by, .. }), Some(link)) = (&self.sync.joining, &mut self.sync.link) else {
            return;
        };
        let request = link.request();
        link.stage = Stage::Recovering(request);
        let frame = match by {
            RecoverBy::Password { locator, .. } => {
                ClientFrame::AskHint { request, place: locator.place(), hidden: locator.is_hidden() }
            }
            RecoverBy::Access { access, .. } => {
                let (place, hidden) = (access.place(), access.is_hidden());
                ClientFrame::OpenEnvelope { request, place, hidden, token: access.token() }
            }
        };
        self.send_now(&frame);
    }

    fn is_recovering(&self, request: RequestId) -> bool {
        self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Recovering(request))
    }

    /// Cost and salt of the password are here. A relay that asks for less work than any envelope has may guess more cheaply with the answer; one
    /// that asks for more than anybody has wants this device to stop.
    pub(super) fn take_password_hint(&mut self, request: RequestId, hint: PasswordHint) {
        if !self.is_recovering(request) {
            return self.misbehaved("an answer to a question that was not asked");
        }
        let least = self.recovery_cost;
        let opened = match &self.sync.joining {
            Some(Joining::Recovering { by: RecoverBy::Password { locator, password }, .. })
                if hint.memory_kib >= least.memory_kib && hint.passes >= least.passes =>
            {
                RecoveryAccess::with_password(locator, hint, password.expose())
            }
            Some(Joining::Recovering { by: RecoverBy::Password { .. }, .. }) => Err(PasswordError::Malformed),
            _ => return self.misbehaved("an answer to a question that was not asked"),
        };
        let access = match opened {
            Ok(access) => access,
            Err(PasswordError::WrongPassword) => return self.recovering_over(&bad_password()),
            Err(_) => return self.recovering_over(&misbehaved("asks for a cost that no password has")),
        };
        if !access.is_hidden() {
            self.note_remote(true);
        }
        if let Some(Joining::Recovering { by, .. }) = &mut self.sync.joining {
            *by = RecoverBy::Access { access, of_words: false };
        }
        self.ask_for_envelope();
    }

    /// The envelope is here: it is opened, and the join is signed, stored and sent.
    pub(super) fn take_envelope(&mut self, request: RequestId, sealed: &[u8]) {
        if !self.is_recovering(request) {
            return self.misbehaved("an answer to a question that was not asked");
        }
        let kit = match &self.sync.joining {
            Some(Joining::Recovering { by: RecoverBy::Access { access, .. }, .. }) => access.open(sealed).ok(),
            _ => return self.misbehaved("an answer to a question that was not asked"),
        };
        let own = kit.as_ref().and_then(|kit| KemSecret::from_seed(&kit.kem_seed).ok());
        let (Some(kit), Some(secret)) = (kit, own) else {
            return self.recovering_over(&misbehaved("gave an envelope that does not open"));
        };
        let Some(Joining::Recovering { mut secrets, .. }) = self.sync.joining.take() else { return };
        secrets.epochs.insert(Epoch(kit.epoch), kit.begun_by, Key::new(kit.epoch_key));
        secrets.recovery = Some(RecoverySecret { entry: kit.recovery, secret });
        self.join_with(&invitation_of(&kit), &secrets);
    }

    /// The relay gives no hint or no envelope.
    pub(super) fn recovering_failed(&mut self, code: FailureCode, retry_after_ms: Option<u32>, failure: &Failure) {
        let of_words = matches!(
            &self.sync.joining,
            Some(Joining::Recovering { by: RecoverBy::Access { of_words: true, .. }, .. })
        );
        let failure = match code {
            FailureCode::RecoveryNotFound => {
                self.note_remote(false);
                Failure::new(ErrorCode::RecoveryNotFound, "no recovery lies at this relay for that")
            }
            FailureCode::RecoveryRefused if of_words => {
                Failure::new(ErrorCode::RecoveryNotFound, "the relay does not take these words")
            }
            FailureCode::RecoveryRefused => bad_password(),
            FailureCode::RecoveryClosed => Failure::new(ErrorCode::RecoveryClosed, "this recovery was closed"),
            FailureCode::TooManyAttempts => {
                let seconds = retry_after_ms.unwrap_or_default().div_ceil(1_000);
                let message = format!("too many wrong passwords; the next try is in {seconds} seconds");
                Failure::new(ErrorCode::RecoveryTooManyAttempts, message)
            }
            _ => failure.clone(),
        };
        self.recovering_over(&failure);
    }

    fn recovering_over(&mut self, failure: &Failure) {
        self.sync.joining = None;
        self.join_over(failure);
    }

    /// What the refusal of a join means to who comes back by a recovery.
    pub(super) fn as_recovery_failure(&self, failure: &Failure) -> Failure {
        let Some(Joining::Appending { state }) = &self.sync.joining else { return failure.clone() };
        let recovers = self.secrets_of(&state.next).is_some_and(|secrets| secrets.recovery.is_some());
        match failure.code {
            ErrorCode::InviteRevoked | ErrorCode::InviteNotFound if recovers => {
                Failure::new(ErrorCode::RecoveryClosed, "this recovery was closed")
            }
            _ => failure.clone(),
        }
    }

    /// Whether this device knows of a recovery at the relay: it matters while it is in no group.
    fn note_remote(&mut self, remote: bool) {
        if self.sync.group.is_none() && self.sync.settings.remote.unwrap_or(false) != remote {
            self.sync.settings.remote = Some(remote);
            self.write_settings();
        }
    }

    /// Forgets the recovery by which this device came in, once it has what it came for: the group's present key reaches it as a member.
    pub(super) fn forget_recovery_secret(&mut self) {
        let in_step = self.in_step();
        let Some(group) = &mut self.sync.group else { return };
        let is_member = group.membership.member(&group.me()).is_some();
        if group.secrets.recovery.is_some() && in_step && is_member && group.sealing().is_some() {
            group.secrets.recovery = None;
            self.store_secrets();
        }
    }
}

/// A recovery acts as an invite that does not expire.
fn invitation_of(kit: &RecoveryKit) -> Invitation {
    Invitation {
        group: kit.group,
        invite: kit.recovery,
        invite_seed: kit.invite_seed,
        epoch: kit.epoch,
        epoch_key: kit.epoch_key,
        expires_at: Timestamp::from_ms(u64::MAX),
        begun_by: Some(kit.begun_by),
    }
}

fn bad_password() -> Failure {
    let message = "the password is wrong, or there is no recovery under this name at this relay";
    Failure::new(ErrorCode::RecoveryBadPassword, message)
}

fn misbehaved(what: &str) -> Failure {
    Failure::new(ErrorCode::RelayMisbehaved, format!("the relay {what}"))
}
