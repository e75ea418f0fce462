//! The system's clock and tokio's timers.

use ashore_engine::driver::Clock;
use ashore_engine::time::Timestamp;
use futures_util::future::{FutureExt, LocalBoxFuture};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Timers do not count the time in which a computer sleeps: so the clock is looked at once in a while.
const LONGEST_TIMER: Duration = Duration::from_secs(30);

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> LocalBoxFuture<'static, ()> {
        async move {
            loop {
                let left = Duration::from_millis(deadline.ms_since(now()));
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_TIMER)).await;
            }
        }
        .boxed_local()
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        tokio::task::yield_now().boxed_local()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
