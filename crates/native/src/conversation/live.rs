//! The rows of one watched answer, kept up to date by patches.

use super::Conversation;
use ashore_engine::api::{ErrorCode, Failure, Patch};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// One document of an answer: its id and what it holds.
pub(crate) type Row = (String, Arc<Value>);

pub(crate) struct LiveRows {
    collection: String,
    conversation: Weak<Conversation>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    number: u64,
    rows: Vec<Row>,
    /// They are those of a moment, and nobody was given them.
    fresh: bool,
    failure: Option<Failure>,
    over: bool,
    waker: Option<Waker>,
}

impl LiveRows {
    pub(super) fn of(collection: &str, conversation: Weak<Conversation>) -> Self {
        Self { collection: collection.to_owned(), conversation, state: Mutex::default() }
    }

    pub(super) fn collection(&self) -> &str {
        &self.collection
    }

    /// An engine is asked to watch under this number. Its first patch brings everything.
    pub(super) fn begin(&self, number: u64) {
        let mut state = self.lock();
        state.number = number;
        state.rows.clear();
        state.fresh = false;
    }

    pub(super) fn apply(&self, patch: &Patch) {
        let documents: Result<Vec<Value>, _> = serde_json::from_str(&patch.documents);
        let Ok(documents) = documents else {
            return self.fail(Failure::new(ErrorCode::Internal, "A patch of a watch cannot be read."));
        };
        let mut state = self.lock();
        if patch.anew {
            state.rows.clear();
        }
        if !patch.removed.is_empty() || !patch.ids.is_empty() {
            let mut leaving: Vec<&String> = patch.removed.iter().chain(&patch.ids).collect();
            leaving.sort_unstable();
            state.rows.retain(|(id, _)| leaving.binary_search(&id).is_err());
        }
        for ((id, document), place) in patch.ids.iter().zip(documents).zip(&patch.places) {
            let place = usize::try_from(*place).unwrap_or(usize::MAX).min(state.rows.len());
            state.rows.insert(place, (id.clone(), Arc::new(document)));
        }
        state.fresh = !patch.more;
        wake(state);
    }

    /// It cannot be kept any more.
    pub(super) fn fail(&self, failure: Failure) {
        let mut state = self.lock();
        state.failure = Some(failure);
        wake(state);
    }

    /// The rows, when they are others than those that were given; `None` once it is over.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Option<Result<Vec<Row>, Failure>>> {
        let mut state = self.lock();
        if let Some(failure) = state.failure.take() {
            state.over = true;
            return Poll::Ready((failure.code != ErrorCode::DatabaseClosed).then_some(Err(failure)));
        }
        if state.over {
            return Poll::Ready(None);
        }
        if std::mem::take(&mut state.fresh) {
            return Poll::Ready(Some(Ok(state.rows.clone())));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LiveRows {
    fn drop(&mut self) {
        let number = self.lock().number;
        if let Some(conversation) = self.conversation.upgrade() {
            conversation.end_watch(number);
        }
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
