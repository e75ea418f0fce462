//! A device that was removed asks the relay now and then whether it still is: when two admins act against each other, what removed it may come to
//! nothing by what it was not there to hear.

use super::Machine;
use super::link::Stage;
use crate::api::DisconnectReason;
use crate::time::Timestamp;

/// How often, beside each time that the database is opened.
const LOOK_IN_MS: u64 = 3_600_000;

/// When a removed device asks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LookingIn {
    /// It does so now.
    pub(super) under_way: bool,
    pub(super) due_at: Option<Timestamp>,
}

impl Machine {
    /// Begins when it is due, and ends the connection when there is nothing new.
    pub(super) fn look_in(&mut self) {
        if !self.is_removed() {
            self.sync.looking_in = LookingIn::default();
            return;
        }
        let now = self.now;
        if self.sync.looking_in.under_way {
            let has_read = |link: &super::link::Link| link.stage == Stage::Open && link.caught_up;
            let committed = self.committing.is_none() && self.batch.rows.is_empty();
            if committed && self.sync.link.as_ref().is_some_and(has_read) {
                self.end_looking_in();
                self.end_link(DisconnectReason::Refused);
            }
            return;
        }
        // A clock that was set back must not make the wait longer.
        let next = now.plus_ms(LOOK_IN_MS);
        let due = self.sync.looking_in.due_at.map_or(next, |at| at.min(next));
        let under_way = due <= now;
        self.sync.looking_in = LookingIn { under_way, due_at: Some(due) };
        if under_way {
            self.try_now();
        }
    }

    /// The relay has answered.
    pub(super) fn end_looking_in(&mut self) {
        self.sync.looking_in = LookingIn { under_way: false, due_at: Some(self.now.plus_ms(LOOK_IN_MS)) };
    }
}
