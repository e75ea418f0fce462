//! Events on their way to whoever listens: a bounded queue that says when something was left out.

use ashore_engine::api::Event;
use futures_util::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// So many events wait; then those that wait are dropped and one says that something was missed.
const MAX_WAITING: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct EventQueue(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Event>,
    waker: Option<Waker>,
    closed: bool,
}

impl EventQueue {
    pub(super) fn push(&self, event: Event) {
        let mut queue = self.lock();
        if queue.waiting.len() >= MAX_WAITING {
            queue.waiting.clear();
            queue.waiting.push_back(Event::Changed { changes: vec![], missed: true });
        }
        queue.waiting.push_back(event);
        wake(queue);
    }

    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        wake(queue);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut queue: MutexGuard<'_, Queue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What the engine says unasked: a stream that ends when the database is closed.
///
/// At most 1,024 events wait for a slow listener. Then those are dropped, and `Event::Changed { missed: true, .. }` says to read again what is shown.
#[derive(Debug)]
pub struct Events(Arc<EventQueue>);

impl Events {
    pub(super) fn of(queue: Arc<EventQueue>) -> Self {
        Self(queue)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut queue = self.0.lock();
        if let Some(event) = queue.waiting.pop_front() {
            return Poll::Ready(Some(event));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, StreamExt};

    #[test]
    fn a_listener_that_falls_behind_is_told_that_it_missed_something() {
        let queue = Arc::new(EventQueue::default());
        let mut events = Events::of(Arc::clone(&queue));
        for _ in 0..=MAX_WAITING {
            queue.push(Event::Connected { relay: "ws://relay".into() });
        }
        queue.close();
        let heard: Vec<Event> = std::iter::from_fn(|| events.next().now_or_never().flatten()).collect();
        assert_eq!(heard.first(), Some(&Event::Changed { changes: vec![], missed: true }));
        assert_eq!(heard.len(), 2);
    }
}
