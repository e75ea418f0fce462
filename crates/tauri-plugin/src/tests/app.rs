//! An app without a screen: its windows, and pages that speak the bytes of the npm package.

use crate::{Ashore, AshoreExt, Builder};
use ashore_native::ErrorCode;
use ashore_native::api::{Answer, Call, Calls, Command, Durability, Event, Failure, News, Outcome, Reply, Write};
use ashore_native::api::{decode, encode};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponseBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets};
use tauri::utils::acl::capability::Capability;
use tauri::utils::acl::manifest::{Manifest, PermissionFile};
use tauri::utils::acl::resolved::Resolved;
use tauri::utils::platform::Target;
use tauri::webview::InvokeRequest;
use tauri::{App, WebviewWindow, WebviewWindowBuilder};

/// Where the messages of each channel go, by webview and callback.
type Ears = Arc<Mutex<BTreeMap<(String, u32), Sender<(usize, Vec<u8>)>>>>;

/// A running app.
pub(super) struct Desk {
    pub(super) app: App<MockRuntime>,
    ears: Ears,
    next_callback: Cell<u32>,
}

impl Desk {
    /// An app whose windows of these names have these permissions.
    pub(super) fn with(folder: &Path, windows: &[(&str, &[&str])]) -> Self {
        let manifest = Manifest::new(vec![file("default.toml"), file("parts.toml")], None);
        let acl = BTreeMap::from([("ashore".to_owned(), manifest)]);
        let capabilities = windows.iter().map(|(label, permissions)| {
            let text = json!({ "identifier": label, "windows": [label], "permissions": permissions });
            ((*label).to_owned(), serde_json::from_value::<Capability>(text).unwrap())
        });
        let resolved = Resolved::resolve(&acl, capabilities.collect(), Target::current()).unwrap();
        let mut context = mock_context(noop_assets());
        *context.runtime_authority_mut() = tauri::runtime_authority!(acl, resolved);

        let ears = Ears::default();
        let heard = Arc::clone(&ears);
        let app = mock_builder()
            .plugin(Builder::new().folder(folder).build())
            .channel_interceptor(move |webview, callback, index, body| {
                let InvokeResponseBody::Raw(bytes) = body else { panic!("a message that is not raw") };
                if let Some(ear) = heard.lock().unwrap().get(&(webview.label().to_owned(), callback.0)) {
                    let _ = ear.send((index, bytes.clone()));
                }
                true
            })
            .build(context)
            .unwrap();
        for (label, _) in windows {
            WebviewWindowBuilder::new(&app, *label, Default::default()).build().unwrap();
        }
        Self { app, ears, next_callback: Cell::new(1) }
    }

    /// One whose windows may do everything.
    pub(super) fn open(folder: &Path, windows: &[&str]) -> Self {
        let all: Vec<(&str, &[&str])> = windows.iter().map(|label| (*label, &["ashore:default"][..])).collect();
        Self::with(folder, &all)
    }

    pub(super) fn ashore(&self) -> &Ashore {
        self.app.ashore()
    }

    /// A page in that window that opens the database `family`.
    pub(super) fn page(&self, window: &str) -> Page<'_> {
        self.page_of(window, Some("family")).unwrap()
    }

    pub(super) fn page_of(&self, window: &str, database: Option<&str>) -> Result<Page<'_>, Value> {
        self.page_in("first", window, database)
    }

    /// One in a document of that name.
    pub(super) fn page_in(&self, document: &str, window: &str, database: Option<&str>) -> Result<Page<'_>, Value> {
        self.page_from(json!({ "document": document, "database": database }), window)
    }

    /// One that takes the place of another, whose engine it has given up.
    pub(super) fn page_instead_of(&self, before: &Page<'_>) -> Page<'_> {
        let wanted = json!({ "document": "first", "database": "family", "insteadOf": before.number });
        self.page_from(wanted, &before.window).unwrap()
    }

    fn page_from(&self, mut wanted: Value, window: &str) -> Result<Page<'_>, Value> {
        let callback = self.next_callback.replace(self.next_callback.get() + 1);
        let (sender, news) = channel();
        self.ears.lock().unwrap().insert((window.to_owned(), callback), sender);
        wanted["channel"] = json!(format!("__CHANNEL__:{callback}"));
        let number = self.invoke(window, "open", InvokeBody::Json(wanted), None)?;
        let page = Page {
            desk: self,
            window: window.to_owned(),
            number: number.as_u64().unwrap(),
            next_id: Cell::new(1),
            news,
            waiting: RefCell::default(),
            answers: RefCell::default(),
            heard: RefCell::default(),
            messages: Cell::new(0),
        };
        Ok(page)
    }

    /// What a page's `invoke` resolves or rejects with.
    pub(super) fn invoke(
        &self,
        window: &str,
        command: &str,
        body: InvokeBody,
        page: Option<u64>,
    ) -> Result<Value, Value> {
        let window: WebviewWindow<MockRuntime> = tauri::Manager::get_webview_window(&self.app, window).unwrap();
        let url =
            if cfg!(any(windows, target_os = "android")) { "http://tauri.localhost" } else { "tauri://localhost" };
        let mut request = InvokeRequest {
            cmd: format!("plugin:ashore|{command}"),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: url.parse().unwrap(),
            body,
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        if let Some(page) = page {
            request.headers.insert("ashore-page", page.to_string().parse().unwrap());
        }
        get_ipc_response(&window, request).map(|body| body.deserialize().unwrap())
    }
}

/// A page, as the npm package is one.
pub(super) struct Page<'a> {
    desk: &'a Desk,
    pub(super) window: String,
    pub(super) number: u64,
    next_id: Cell<u64>,
    news: Receiver<(usize, Vec<u8>)>,
    waiting: RefCell<VecDeque<Heard>>,
    /// Answers and events that nobody has waited for yet.
    answers: RefCell<BTreeMap<u64, Outcome>>,
    heard: RefCell<VecDeque<Event>>,
    messages: Cell<usize>,
}

enum Heard {
    News(News),
    Broke(Failure),
    Ended(Failure),
}

impl Page<'_> {
    /// Asks one thing.
    pub(super) fn ask(&self, command: Command) -> Outcome {
        self.ask_all(vec![command]).remove(0)
    }

    /// Asks several things in one message, and answers in their order.
    pub(super) fn ask_all(&self, commands: Vec<Command>) -> Vec<Outcome> {
        let first = self.next_id.get();
        let body = frame(&encode(&self.calls(commands)));
        self.send(InvokeBody::Raw(body)).unwrap();
        (first..self.next_id.get()).map(|id| self.answer(id)).collect()
    }

    /// The next calls of this page.
    pub(super) fn calls(&self, commands: Vec<Command>) -> Calls {
        let first = self.next_id.get();
        let calls: Vec<Call> = (first..).zip(commands).map(|(id, command)| Call { id, command }).collect();
        self.next_id.set(first + u64::try_from(calls.len()).unwrap());
        Calls { client: "page".into(), received: first - 1, calls }
    }

    pub(super) fn send(&self, body: InvokeBody) -> Result<Value, Value> {
        self.desk.invoke(&self.window, "calls", body, Some(self.number))
    }

    pub(super) fn close(&self) {
        let arguments = InvokeBody::Json(json!({ "page": self.number }));
        self.desk.invoke(&self.window, "close", arguments, None).unwrap();
    }

    /// The answer to that call.
    pub(super) fn answer(&self, id: u64) -> Outcome {
        loop {
            if let Some(outcome) = self.answers.borrow_mut().remove(&id) {
                return outcome;
            }
            self.hear();
        }
    }

    /// The first event that is one of those.
    pub(super) fn event<T>(&self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let next = self.heard.borrow_mut().pop_front();
            let Some(event) = next else {
                self.hear();
                continue;
            };
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// The documents of the first patch of that watch which brings some.
    pub(super) fn rows_of(&self, watch: u64) -> Value {
        self.event(|event| match event {
            Event::Patch { patch } if patch.watch == watch && !patch.ids.is_empty() => {
                Some(serde_json::from_str(&patch.documents).unwrap())
            }
            _ => None,
        })
    }

    /// All events that have come by now.
    pub(super) fn events_so_far(&self) -> Vec<Event> {
        self.heard.borrow_mut().drain(..).collect()
    }

    /// What the engine ended with.
    pub(super) fn end(&self) -> Failure {
        loop {
            if let Heard::Ended(failure) = self.next() {
                return failure;
            }
        }
    }

    /// What an engine broke with that is replaced.
    pub(super) fn broke(&self) -> Failure {
        loop {
            if let Heard::Broke(failure) = self.next() {
                return failure;
            }
        }
    }

    /// No message is under way any more, and none came.
    pub(super) fn hears_nothing(&self) -> bool {
        self.waiting.borrow().is_empty() && self.heard.borrow().is_empty() && self.news.try_recv().is_err()
    }

    /// Takes in what comes next.
    fn hear(&self) {
        let Heard::News(News { answers, events }) = self.next() else { panic!("the engine ended") };
        self.answers.borrow_mut().extend(answers.into_iter().map(|Answer { id, outcome }| (id, outcome)));
        self.heard.borrow_mut().extend(events);
    }

    fn next(&self) -> Heard {
        loop {
            if let Some(heard) = self.waiting.borrow_mut().pop_front() {
                return heard;
            }
            // Nothing is expected to take long: a test that waits for what never comes shall say so.
            let (index, message) = self.news.recv_timeout(Duration::from_secs(60)).expect("a message for this page");
            assert_eq!(index, self.messages.replace(index + 1), "messages come in their order");
            let mut rest = message.as_slice();
            while let Some(([kind, length @ ..], after)) = rest.split_first_chunk::<5>() {
                let (bytes, after) = after.split_at(u32::from_be_bytes(*length) as usize);
                let heard = match kind {
                    0 => Heard::News(self.taken(decode(bytes).unwrap())),
                    2 => Heard::Broke(decode(bytes).unwrap()),
                    _ => Heard::Ended(decode(bytes).unwrap()),
                };
                self.waiting.borrow_mut().push_back(heard);
                rest = after;
            }
        }
    }
}

impl Page<'_> {
    /// Says that its patches were taken: then more are sent.
    fn taken(&self, news: News) -> News {
        let taken = news.events.iter().filter_map(|event| match event {
            Event::Patch { patch } => Some(Command::WatchTaken { watch: patch.watch, patch: patch.number }),
            _ => None,
        });
        let taken: Vec<Command> = taken.collect();
        if !taken.is_empty() {
            self.send(InvokeBody::Raw(frame(&encode(&self.calls(taken))))).unwrap();
        }
        news
    }
}

/// One message in the body of a request.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

pub(super) fn put(id: &str, document: Value) -> Command {
    let documents = json!([document]).to_string();
    let write = Write::Put { collection: "notes".into(), ids: vec![id.into()], documents, bases: vec![None] };
    Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false }
}

pub(super) fn get(id: &str) -> Command {
    Command::Get { collection: "notes".into(), ids: vec![id.into()] }
}

pub(super) fn watch_all(watch: u64) -> Command {
    Command::Watch { watch, collection: "notes".into(), query: "{}".into(), id: None }
}

/// The one document that was asked for.
pub(super) fn document(outcome: Outcome) -> Value {
    let Outcome::Ok(Reply::Documents { documents, .. }) = outcome else { panic!("no documents: {outcome:?}") };
    serde_json::from_str::<Vec<Value>>(&documents).unwrap().remove(0)
}

pub(super) fn code(outcome: &Outcome) -> Option<ErrorCode> {
    match outcome {
        Outcome::Ok(_) => None,
        Outcome::Failed(failure) => Some(failure.code),
    }
}

/// An empty folder of this test.
pub(super) fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ashore-tauri-{}-{test}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn file(name: &str) -> PermissionFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("permissions").join(name);
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
