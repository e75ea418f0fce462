//! The browser's clock and timers.

use ashore_engine::driver::Clock;
use ashore_engine::time::Timestamp;
use futures_util::future::{FutureExt, LocalBoxFuture};
use gloo_timers::future::TimeoutFuture;

/// Timers take at most 2^31 - 1 milliseconds; a day is short of that, and longer waits are taken up again.
const LONGEST_TIMER_MS: u64 = 24 * 3_600_000;

/// `Date.now()`, `setTimeout`, and the turns of the event loop.
pub(crate) struct BrowserClock {
    /// Resolves in the next turn.
    pub(crate) next_turn: Box<dyn Fn() -> LocalBoxFuture<'static, ()>>,
}

impl Clock for BrowserClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> LocalBoxFuture<'static, ()> {
        async move {
            loop {
                let left_ms = deadline.ms_since(now()).min(LONGEST_TIMER_MS);
                if left_ms == 0 {
                    return;
                }
                TimeoutFuture::new(u32::try_from(left_ms).unwrap_or(u32::MAX)).await;
            }
        }
        .boxed_local()
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        (self.next_turn)()
    }
}

/// Milliseconds since 1970.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole milliseconds of this age fit")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_ms(js_sys::Date::now().max(0.0) as u64)
}
