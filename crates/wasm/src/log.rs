//! What the engine logs: for the pages that ask for it, and on the console. A note carries counts, never documents.

use crate::clock;
use ashore_engine::api::{Calls, News};
use ashore_engine::log::{Log, Note};
use std::cell::RefCell;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use wasm_bindgen::JsValue;
use web_sys::console;

/// Logs from now on, from warnings upwards. A second call does nothing.
pub(crate) fn start() {
    let _ = tracing::subscriber::set_global_default(Console);
}

/// Takes news for one client.
pub(crate) type Deliver = Box<dyn Fn(&str, &News)>;

/// The log of one database in this worker.
pub(crate) struct Notes {
    log: RefCell<Log>,
    deliver: Deliver,
}

impl Notes {
    pub(crate) fn new(deliver: Deliver) -> Self {
        let mut id = [0u8; 4];
        // Without randomness the engine does not start either.
        let _ = getrandom::fill(&mut id);
        Self { log: RefCell::new(Log::new(u32::from_le_bytes(id))), deliver }
    }

    pub(crate) fn note(&self, note: Note<'_>) {
        // Not borrowed any more when it is delivered: whoever hears of it may call.
        let heard = self.log.borrow_mut().note(clock::now(), note);
        for (client, news) in heard {
            (self.deliver)(&client, &news);
        }
    }

    /// Takes the calls about the log out of these, and answers them.
    pub(crate) fn answer(&self, calls: &mut Calls) {
        let news = self.log.borrow_mut().answer(calls);
        if let Some(news) = news {
            (self.deliver)(&calls.client, &news);
        }
    }

    pub(crate) fn forget(&self, client: &str) {
        self.log.borrow_mut().forget(client);
    }
}

struct Console;

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("ashore")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("ashore {}", event.metadata().target()));
        event.record(&mut line);
        let line = JsValue::from_str(&line.0);
        match *event.metadata().level() {
            Level::ERROR => console::error_1(&line),
            Level::WARN => console::warn_1(&line),
            _ => console::debug_1(&line),
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, ": {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
