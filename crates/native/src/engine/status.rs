//! Where an engine stands: what is known of its thread, and since when.

use super::Running;
use ashore_engine::api::Failure;
use std::time::{Duration, Instant, SystemTime};

/// What an engine is doing, as far as is known; never what is hoped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// None runs; the next message starts one.
    Idle,
    /// Its thread has begun, and the database is not open yet.
    Starting,
    /// It takes messages, and owes no sign of life for long.
    Running,
    /// It owes a sign of life for two seconds.
    Unhealthy,
    /// As `Starting`, after one that ended by itself.
    Restarting,
    /// The last one ended by itself; the next message starts another.
    Failed,
    /// It was asked to close, and what waits is being sent and committed.
    Stopping,
    /// Closed for good.
    Closed,
}

/// Where it stands, and what came before.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineStatus {
    /// Where.
    pub state: EngineState,
    /// Its last sign of life.
    pub last_seen: Option<SystemTime>,
    /// Engines that were started because the one before had ended by itself.
    pub restarts: u64,
    /// Why the last one ended by itself.
    pub last_failure: Option<Failure>,
}

/// A sign of life owed for longer than this makes an engine unhealthy.
const LATE: Duration = Duration::from_secs(2);
/// Owed for longer than this, it is replaced. Less than what npm's client waits for: a page asks the next one instead of opening anew.
pub(super) const HANG: Duration = Duration::from_secs(8);
/// Less than so many looks say nothing: the computer may have slept in between.
const LOOKS: u32 = 3;

/// What is known of the thread that runs.
#[derive(Default)]
pub(super) struct Pulse {
    open: bool,
    owed: Option<(Instant, u32)>,
    last_seen: Option<SystemTime>,
    restarts: u64,
    last_failure: Option<Failure>,
    pub(super) stopping: bool,
}

/// What a look at an engine asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing: a sign of life is owed and not late.
    Wait,
    /// Ask it for a sign of life.
    Ask,
    /// It does not move.
    Replace,
}

impl Pulse {
    pub(super) fn started(&mut self) {
        self.open = false;
        self.owed = None;
        self.restarts += u64::from(self.last_failure.is_some());
    }

    /// Its thread did something.
    pub(super) fn seen(&mut self) {
        self.open = true;
        self.owed = None;
        self.last_seen = Some(SystemTime::now());
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.last_failure = Some(failure.clone());
    }

    /// Somebody looks whether a running engine lives.
    pub(super) fn look(&mut self, now: Instant) -> Look {
        let Some((since, looks)) = &mut self.owed else {
            self.owed = Some((now, 0));
            return Look::Ask;
        };
        *looks += 1;
        // Opening takes as long as it takes: a file that another program holds, a keychain that asks a person.
        if self.open && *looks >= LOOKS && now.saturating_duration_since(*since) > HANG {
            return Look::Replace;
        }
        Look::Wait
    }

    pub(super) fn status(&self, running: &Running, now: Instant) -> EngineStatus {
        let late = self.owed.is_some_and(|(since, _)| now.saturating_duration_since(since) > LATE);
        let state = match running {
            Running::Closed if self.stopping => EngineState::Stopping,
            Running::Closed => EngineState::Closed,
            Running::No if self.last_failure.is_some() => EngineState::Failed,
            Running::No => EngineState::Idle,
            Running::Yes(_) if !self.open && self.last_failure.is_some() => EngineState::Restarting,
            Running::Yes(_) if !self.open => EngineState::Starting,
            Running::Yes(_) if late => EngineState::Unhealthy,
            Running::Yes(_) => EngineState::Running,
        };
        let Self { last_seen, restarts, ref last_failure, .. } = *self;
        EngineStatus { state, last_seen, restarts, last_failure: last_failure.clone() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{EngineState, HANG, LATE, Look, Pulse};
    use crate::engine::Running;
    use crate::host::broken;
    use futures_channel::mpsc::unbounded;
    use std::time::{Duration, Instant};

    #[test]
    fn an_engine_is_unhealthy_when_it_is_late_and_replaced_when_it_stays_silent() {
        let (running, now) = (Running::Yes(unbounded().0), Instant::now());
        let mut pulse = Pulse::default();
        pulse.started();
        assert_eq!(pulse.status(&running, now).state, EngineState::Starting);
        pulse.seen();
        assert_eq!(pulse.look(now), Look::Ask);
        assert_eq!(pulse.status(&running, now + LATE).state, EngineState::Running);
        assert_eq!(pulse.look(now + LATE), Look::Wait);
        assert_eq!(pulse.status(&running, now + 2 * LATE).state, EngineState::Unhealthy);
        assert_eq!(pulse.look(now + 2 * LATE), Look::Wait);
        assert_eq!(pulse.look(now + HANG + LATE), Look::Replace);
        pulse.failed(&broken());
        pulse.started();
        let status = pulse.status(&running, now + HANG + LATE);
        assert_eq!((status.state, status.restarts), (EngineState::Restarting, 1));
        assert!(status.last_seen.is_some() && status.last_failure.is_some());
    }

    #[test]
    fn a_sign_of_life_ends_the_wait() {
        let (running, now) = (Running::Yes(unbounded().0), Instant::now());
        let mut pulse = Pulse::default();
        pulse.seen();
        assert_eq!(pulse.look(now), Look::Ask);
        pulse.seen();
        assert_eq!(pulse.status(&running, now + HANG).state, EngineState::Running);
        assert_eq!(pulse.look(now + 2 * HANG), Look::Ask);
    }

    #[test]
    fn a_computer_that_slept_and_an_engine_that_is_being_opened_are_not_judged() {
        let now = Instant::now();
        let mut slept = Pulse::default();
        slept.seen();
        assert_eq!(slept.look(now), Look::Ask);
        assert_eq!(slept.look(now + Duration::from_secs(3_600)), Look::Wait);
        let mut opening = Pulse::default();
        opening.started();
        let looks: Vec<Look> = (0..20).map(|second| opening.look(now + Duration::from_secs(second))).collect();
        assert!(!looks.contains(&Look::Replace));
    }

    #[test]
    fn what_ended_by_itself_is_said_until_it_is_closed() {
        let now = Instant::now();
        let mut pulse = Pulse::default();
        assert_eq!(pulse.status(&Running::No, now).state, EngineState::Idle);
        pulse.failed(&broken());
        assert_eq!(pulse.status(&Running::No, now).state, EngineState::Failed);
        pulse.stopping = true;
        assert_eq!(pulse.status(&Running::Closed, now).state, EngineState::Stopping);
        pulse.stopping = false;
        assert_eq!(pulse.status(&Running::Closed, now).state, EngineState::Closed);
    }
}
