//! What goes to one page: gathered while the last message is on its way, sent as one.

use crate::allowed::Allowed;
use crate::frames::{self, Kind};
use ashore_native::api::{News, decode, encode};
use ashore_native::{ErrorCode, Failure, PortListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Hands one message of the channel over.
pub(crate) type Send = Box<dyn Fn(Vec<u8>) + std::marker::Send + Sync>;

/// One page's channel.
pub(crate) struct Outgoing {
    /// Itself, for the task that sends.
    this: Weak<Self>,
    send: Send,
    queue: Mutex<Queue>,
}

struct Queue {
    waiting: Vec<u8>,
    /// Somebody is sending and looks again before it stops.
    sending: bool,
    allowed: Allowed,
    over: bool,
}

impl Outgoing {
    pub(crate) fn new(allowed: Allowed, send: Send) -> Arc<Self> {
        let queue = Queue { waiting: Vec::new(), sending: false, allowed, over: false };
        Arc::new_cyclic(|this| Self { this: Weak::clone(this), send, queue: Mutex::new(queue) })
    }

    /// What its window may hear from now on.
    pub(crate) fn allow(&self, allowed: Allowed) {
        self.lock().allowed = allowed;
    }

    /// The page is gone, or its engine.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Nothing is sent any more.
    pub(crate) fn end(&self) {
        let mut queue = self.lock();
        queue.over = true;
        queue.waiting = Vec::new();
    }

    /// Sends bytes of one `News`.
    pub(crate) fn push(&self, news: &[u8]) {
        self.append(Kind::Message, news, false);
    }

    fn append(&self, kind: Kind, bytes: &[u8], last: bool) {
        let mut queue = self.lock();
        if queue.over {
            return;
        }
        frames::push(&mut queue.waiting, kind, bytes);
        queue.over = last;
        if queue.sending {
            return;
        }
        queue.sending = true;
        let Some(this) = self.this.upgrade() else { return };
        tauri::async_runtime::spawn(async move { this.flush() });
    }

    fn flush(&self) {
        loop {
            let message = {
                let mut queue = self.lock();
                if queue.waiting.is_empty() {
                    queue.sending = false;
                    return;
                }
                std::mem::take(&mut queue.waiting)
            };
            (self.send)(message);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortListener for Outgoing {
    fn news(&self, news: &[u8]) {
        let allowed = self.lock().allowed;
        if allowed.is_all() {
            return self.push(news);
        }
        let Ok(mut heard) = decode::<News>(news) else { return };
        heard.events.retain(|event| allowed.hears(event));
        if !heard.events.is_empty() || !heard.answers.is_empty() {
            self.push(&encode(&heard));
        }
    }

    fn ended(&self, failure: &Failure) {
        // What broke is replaced, and the page asks again under the ids that it used; everything else is the end of it.
        let broke = failure.code == ErrorCode::HostDead;
        self.append(if broke { Kind::Broke } else { Kind::Ended }, &encode(failure), !broke);
    }
}
