//! Looking whether everything that is stored is whole, and mending it; page by page, so that a program can show how far it is.

use crate::database::Database;
use crate::query::wrong_reply;
use crate::sync::millis;
use ashore_engine::api::{Command, ErrorCode, Failure, Finding, HealthCounts, HealthPart, Mended, Reply};
use std::time::Duration;

/// How far a check or a repair is: told after each page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthPage<T> {
    /// What this page was about.
    pub part: HealthPart,
    /// How much was looked at so far.
    pub counts: HealthCounts,
    /// What this page had: findings of a check, what was mended by a repair.
    pub found: Vec<T>,
}

impl Database {
    /// Looks at everything that is stored and says what is wrong; changes nothing. Answers how much was looked at; nothing is wrong when no page
    /// had a finding.
    ///
    /// ```
    /// # use ashore_engine::store::conformance::wait_for;
    /// # use ashore_native::{Database, Failure, Options};
    /// # wait_for(async {
    /// let database = Database::open(Options::in_memory()).await?;
    /// database.collection("notes").put("n1", &serde_json::json!({ "title": "Milk" })).await?;
    /// let mut findings = Vec::new();
    /// let counts = database.check(|page| findings.extend(page.found.clone())).await?;
    /// assert_eq!((counts.documents, findings.len()), (1, 0));
    /// # Ok::<(), Failure>(())
    /// # }).unwrap();
    /// ```
    pub async fn check(&self, mut told: impl FnMut(&HealthPage<Finding>)) -> Result<HealthCounts, Failure> {
        let mut all = HealthCounts::default();
        let mut after = None;
        loop {
            let Reply::Checked { part, counts, findings, next } = self.call(Command::Check { after }).await? else {
                return Err(wrong_reply());
            };
            add(&mut all, counts);
            told(&HealthPage { part, counts: all, found: findings });
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// The same, and mends what is wrong, each page in one commit. What only the relay has is waited for at most so long; without a relay it is said
    /// to be waiting.
    pub async fn repair(
        &self,
        relay_at_most: Duration,
        mut told: impl FnMut(&HealthPage<Mended>),
    ) -> Result<HealthCounts, Failure> {
        let mut all = HealthCounts::default();
        let mut after = None;
        loop {
            let reply = self.call(Command::Repair { after }).await?;
            let Reply::Repaired { part, counts, mended, next, waits } = reply else { return Err(wrong_reply()) };
            add(&mut all, counts);
            told(&HealthPage { part, counts: all, found: mended });
            if waits {
                self.read_relay(relay_at_most).await?;
            }
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Without a relay the repair goes on: what needs it says that it waits.
    async fn read_relay(&self, at_most: Duration) -> Result<(), Failure> {
        match self.call(Command::SyncNow { timeout_ms: millis(at_most) }).await {
            Err(failure) if !is_about_the_relay(failure.code) => Err(failure),
            _ => Ok(()),
        }
    }
}

fn is_about_the_relay(code: ErrorCode) -> bool {
    code == ErrorCode::RequestTimedOut
        || ["sync.", "relay.", "group."].iter().any(|family| code.as_str().starts_with(family))
}

fn add(all: &mut HealthCounts, page: HealthCounts) {
    all.rows += page.rows;
    all.bytes += page.bytes;
    all.documents += page.documents;
    all.index_rows += page.index_rows;
    all.entries += page.entries;
}
