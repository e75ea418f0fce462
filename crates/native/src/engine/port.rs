//! Bytes in, bytes out: what a page in a webview speaks, the same as it would with a worker.

use super::hub::Outlet;
use super::{Engine, Message};
use ashore_engine::api::{Calls, ErrorCode, Failure, News, decode_calls, encode};
use std::sync::Arc;

/// Who hears what comes out of a [`Port`]. Called on the engine's thread: hand it on and return.
pub trait PortListener: Send + Sync {
    /// Bytes of one `News`.
    fn news(&self, news: &[u8]);
    /// The engine ended: unanswered calls are asked again under their ids, if at all. The next call starts a new engine, unless the database was
    /// closed.
    fn ended(&self, failure: &Failure);
}

/// One connected page. Dropping it makes the engine forget its clients.
pub struct Port {
    engine: Engine,
    number: u64,
    listener: Arc<dyn PortListener>,
}

impl Port {
    pub(super) fn open(engine: Engine, listener: Arc<dyn PortListener>) -> Self {
        let number = engine.add(Arc::new(Bytes(Arc::clone(&listener))));
        Self { engine, number, listener }
    }

    /// Takes the bytes of one `Calls` message. A newer page's that is not understood is refused through the listener; bytes that are none are an error.
    pub fn send(&self, calls: &[u8]) -> Result<(), Failure> {
        match decode_calls(calls) {
            Ok(calls) => self.pass(calls),
            Err(Some(foreign)) => {
                self.listener.news(&encode(&foreign.refusal()));
                Ok(())
            }
            Err(None) => Err(Failure::new(ErrorCode::RequestInvalid, "These bytes are no calls.")),
        }
    }

    /// Takes calls that whoever stands in between has decoded, looked at, and perhaps changed.
    pub fn pass(&self, calls: Calls) -> Result<(), Failure> {
        self.engine.route(&calls.client, self.number);
        self.engine.send(Message::Calls(calls))
    }

    /// A client will not come back: its remembered answers may go.
    pub fn forget(&self, client: &str) -> Result<(), Failure> {
        self.engine.send(Message::Forget(client.to_owned()))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.engine.remove(self.number);
    }
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Port").field(&self.number).finish()
    }
}

struct Bytes(Arc<dyn PortListener>);

impl Outlet for Bytes {
    fn news(&self, news: News) {
        self.0.news(&encode(&news));
    }

    fn ended(&self, failure: &Failure) {
        self.0.ended(failure);
    }
}
