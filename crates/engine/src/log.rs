//! What a host notes while an engine runs: the last thousand notes, and who hears of new ones.
//!
//! A [`Note`] is made of the program's own constants, counts and codes, so its type keeps documents, names and keys out. Each note also goes to `tracing`,
//! for the console of a browser or the logger of a program.

use crate::api::{
    Answer, Calls, Command, ErrorCode, Event, Failure, KeyInfo, LogEntry, LogLevel, News, Outcome, Reply,
};
use crate::time::Timestamp;
use ashore_protocol::gather::Gather;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// So many entries are kept; the oldest go first.
pub const KEPT_ENTRIES: usize = 1_000;
/// No database has so many pages.
const MAX_WATCHERS: usize = 1_024;

/// Something to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    level: LogLevel,
    area: &'static str,
    message: &'static str,
    counts: &'a [(&'static str, u64)],
    code: Option<ErrorCode>,
}

impl<'a> Note<'a> {
    /// Of that level, by that part of the program.
    pub const fn new(level: LogLevel, area: &'static str, message: &'static str) -> Self {
        Self { level, area, message, counts: &[], code: None }
    }

    /// The keys stand elsewhere than before.
    pub const fn of_keys(keys: &KeyInfo) -> Self {
        let message = match keys {
            KeyInfo { wiped: true, .. } => "they are wiped",
            KeyInfo { locked: true, .. } => "the database is locked",
            KeyInfo { .. } => "the database is unlocked",
        };
        Self::new(LogLevel::Info, "keys", message)
    }

    /// With how many of what.
    #[must_use]
    pub const fn counts(self, counts: &'a [(&'static str, u64)]) -> Self {
        Self { counts, ..self }
    }

    /// With the code of what failed.
    #[must_use]
    pub const fn code(self, code: ErrorCode) -> Self {
        Self { code: Some(code), ..self }
    }

    fn trace(&self) {
        match self.level {
            LogLevel::Off => {}
            LogLevel::Error => tracing::error!("{self}"),
            LogLevel::Warn => tracing::warn!("{self}"),
            LogLevel::Info => tracing::info!("{self}"),
            LogLevel::Debug => tracing::debug!("{self}"),
            LogLevel::Trace => tracing::trace!("{self}"),
        }
    }
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.area, self.message)?;
        for (name, count) in self.counts {
            write!(f, " {name}={count}")?;
        }
        self.code.map_or(Ok(()), |code| write!(f, " code={}", code.as_str()))
    }
}

/// The log of one database on one host.
///
/// ```
/// use ashore_engine::api::LogLevel;
/// use ashore_engine::log::{Log, Note};
/// use ashore_engine::time::Timestamp;
///
/// let mut log = Log::new(7);
/// log.note(Timestamp::from_ms(1_000), Note::new(LogLevel::Info, "relay", "connected"));
/// log.note(Timestamp::from_ms(1_001), Note::new(LogLevel::Trace, "store", "rows are committed").counts(&[("rows", 3)]));
/// let entries = log.recent(LogLevel::Trace);
/// assert_eq!(entries.iter().map(|entry| &*entry.message).collect::<Vec<_>>(), ["connected"], "traces only for who asks");
/// ```
#[derive(Debug)]
pub struct Log {
    id: u32,
    last: u64,
    level: LogLevel,
    entries: VecDeque<LogEntry>,
    watchers: BTreeMap<String, LogLevel>,
}

impl Log {
    /// An empty one. `id` tells it from others of the same database: a random number.
    pub fn new(id: u32) -> Self {
        Self { id, last: 0, level: LogLevel::default(), entries: VecDeque::new(), watchers: BTreeMap::new() }
    }

    /// Keeps everything up to that level, and what whoever watches wants beyond it.
    pub fn set_level(&mut self, level: LogLevel) {
        self.level = level;
    }

    /// What it still has up to that level, the oldest first.
    pub fn recent(&self, level: LogLevel) -> Vec<LogEntry> {
        self.entries.iter().filter(|entry| entry.level <= level).cloned().collect()
    }

    /// Takes a note, and answers what is to be delivered to whom.
    pub fn note(&mut self, now: Timestamp, note: Note<'_>) -> Vec<(String, News)> {
        note.trace();
        let wanted = self.watchers.values().copied().max().unwrap_or_default().max(self.level);
        if note.level == LogLevel::Off || note.level > wanted {
            return Vec::new();
        }
        self.last += 1;
        let entry = LogEntry {
            number: self.last,
            at: now.as_ms(),
            level: note.level,
            area: Cow::Borrowed(note.area),
            message: Cow::Borrowed(note.message),
            counts: note.counts.iter().map(|(name, count)| (Cow::Borrowed(*name), *count)).gather(),
            code: note.code,
        };
        if self.entries.len() == KEPT_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry.clone());
        let hear = |(client, level): (&String, &LogLevel)| {
            let events = vec![Event::Logged { entries: vec![entry.clone()] }];
            (note.level <= *level).then(|| (client.clone(), News { answers: vec![], events }))
        };
        self.watchers.iter().filter_map(hear).collect()
    }

    /// Takes calls about the log out of those of a client, and answers them.
    pub fn answer(&mut self, calls: &mut Calls) -> Option<News> {
        let is_about_logs = |command: &Command| matches!(command, Command::WatchLogs { .. });
        if !calls.calls.iter().any(|call| is_about_logs(&call.command)) {
            return None;
        }
        let client = calls.client.clone();
        let mut answers = Vec::new();
        calls.calls.retain(|call| {
            let Command::WatchLogs { level } = call.command else { return true };
            answers.push(Answer { id: call.id, outcome: self.watch(&client, level) });
            false
        });
        Some(News { answers, events: vec![] })
    }

    fn watch(&mut self, client: &str, level: LogLevel) -> Outcome {
        if level == LogLevel::Off {
            self.watchers.remove(client);
        } else if self.watchers.len() < MAX_WATCHERS || self.watchers.contains_key(client) {
            self.watchers.insert(client.to_owned(), level);
        } else {
            return Outcome::Failed(Failure::new(ErrorCode::RequestInvalid, "too many watch the log"));
        }
        Outcome::Ok(Reply::Logs { log: self.id, entries: self.recent(level) })
    }

    /// A client will not come back.
    pub fn forget(&mut self, client: &str) {
        self.watchers.remove(client);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::{KEPT_ENTRIES, Log, MAX_WATCHERS, Note};
    use crate::api::{Call, Calls, Command, ErrorCode, Event, LogEntry, LogLevel, News, Outcome, Reply};
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

    fn watch(log: &mut Log, client: &str, level: LogLevel) -> Outcome {
        let ping = Call { id: 1, command: Command::Ping { text: "p".into() } };
        let calls = vec![ping.clone(), Call { id: 2, command: Command::WatchLogs { level } }];
        let mut calls = Calls { client: client.into(), received: 0, calls };
        let mut news = log.answer(&mut calls).unwrap();
        assert_eq!(calls.calls, [ping], "what is not about logs stays");
        assert_eq!(news.answers[0].id, 2);
        news.answers.remove(0).outcome
    }

    fn entries(outcome: Outcome) -> Vec<LogEntry> {
        let Outcome::Ok(Reply::Logs { log: 7, entries }) = outcome else { panic!("{outcome:?}") };
        entries
    }

    fn numbers(told: &[(String, News)]) -> Vec<(&str, u64)> {
        told.iter()
            .map(|(client, news)| match &news.events[..] {
                [Event::Logged { entries }] => (client.as_str(), entries[0].number),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn note(level: LogLevel) -> Note<'static> {
        Note::new(level, "store", "something happened")
    }

    #[test]
    fn a_client_hears_what_was_before_and_what_comes_up_to_its_level_until_it_is_gone() {
        let mut log = Log::new(7);
        assert!(log.note(NOW, note(LogLevel::Warn)).is_empty(), "nobody watches");
        assert!(log.note(NOW, note(LogLevel::Debug)).is_empty(), "nobody wants it");
        assert_eq!(entries(watch(&mut log, "loud", LogLevel::Debug)).len(), 1);
        assert_eq!(entries(watch(&mut log, "quiet", LogLevel::Error)).len(), 0);
        assert_eq!(numbers(&log.note(NOW, note(LogLevel::Debug))), [("loud", 2)]);
        assert_eq!(numbers(&log.note(NOW, note(LogLevel::Error))), [("loud", 3), ("quiet", 3)]);
        assert!(log.note(NOW, note(LogLevel::Trace)).is_empty());
        watch(&mut log, "loud", LogLevel::Off);
        log.forget("quiet");
        assert!(log.note(NOW, note(LogLevel::Error)).is_empty());
    }

    #[test]
    fn the_last_thousand_are_kept() {
        let mut log = Log::new(7);
        log.set_level(LogLevel::Trace);
        for _ in 0..KEPT_ENTRIES + 5 {
            log.note(NOW, note(LogLevel::Trace));
        }
        let kept = log.recent(LogLevel::Trace);
        assert_eq!((kept.len(), kept[0].number), (KEPT_ENTRIES, 6));
    }

    #[test]
    fn a_note_says_what_how_many_and_which_code() {
        let mut log = Log::new(7);
        let note = note(LogLevel::Error).counts(&[("rows", 3)]).code(ErrorCode::StoreFailed);
        assert_eq!(note.to_string(), "store: something happened rows=3 code=store.failed");
        log.note(NOW, note);
        let entry = &log.recent(LogLevel::Error)[0];
        assert_eq!((entry.at, entry.counts["rows"], entry.code), (NOW.as_ms(), 3, Some(ErrorCode::StoreFailed)));
    }

    #[test]
    fn clients_without_end_do_not_fill_the_memory() {
        let mut log = Log::new(7);
        for number in 0..MAX_WATCHERS {
            entries(watch(&mut log, &number.to_string(), LogLevel::Info));
        }
        assert!(matches!(watch(&mut log, "one more", LogLevel::Info), Outcome::Failed(_)));
        entries(watch(&mut log, "7", LogLevel::Trace));
    }
}
