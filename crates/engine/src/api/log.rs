//! What an engine logs, as a page sees it: constants of the program, counts and codes. Nothing of a document, a name or a key has a place in it.

use super::failure::ErrorCode;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How much is told: everything up to a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Something failed that nobody asked for: a commit, a read, an engine.
    Error,
    /// Something is not as it should be, and goes on.
    Warn,
    /// What seldom happens: starts, ends, connections.
    #[default]
    Info,
    /// What happens now and then: refused calls, attempts, tidying up.
    Debug,
    /// Every message, read and commit.
    Trace,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Counts the entries of one log, from 1.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub number: u64,
    /// When, in milliseconds since 1970.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub at: u64,
    /// How grave it is; never `off`.
    pub level: LogLevel,
    /// The part of the program that tells it, such as `relay`.
    #[cfg_attr(feature = "export-types", ts(type = "string"))]
    pub area: Cow<'static, str>,
    /// What happened, in words that are the same each time.
    #[cfg_attr(feature = "export-types", ts(type = "string"))]
    pub message: Cow<'static, str>,
    /// How many of what.
    #[cfg_attr(feature = "export-types", ts(type = "Record<string, number>"))]
    pub counts: BTreeMap<Cow<'static, str>, u64>,
    /// The code of what failed.
    pub code: Option<ErrorCode>,
}
