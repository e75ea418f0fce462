//! Updates and deletes of whatever a query asks for, and what modifiers make of documents.
//!
//! Finding and writing are one task: nothing else is written in between. What was found is kept in the task while rows are
//! loaded; as commands run one after another it is still true when they are here.

use super::Machine;
use super::documents::{Stop, document_failure};
use super::find::Matched;
use super::task::CommandTask;
use crate::api::{ErrorCode, Failure, QueryMistake, Reply, Write, WriteResult};
use crate::document::json;
use crate::query::{Modifiers, NotApplicable, QueryError};

impl Machine {
    pub(super) fn update_many(
        &mut self,
        task: &mut CommandTask,
        collection: &str,
        query: &str,
        modifiers: &str,
    ) -> Result<Reply, Stop> {
        parse_modifiers(modifiers)?;
        let Matched { ids, corrupt } = self.matched(task, collection, query)?;
        let (collection, modifiers) = (collection.to_owned(), modifiers.to_owned());
        let write = [Write::Modify { collection, ids: ids.clone(), modifiers }];
        let (results, different, changed) = self.write_changes(&write, false)?;
        task.matched = None;
        let versions = match results.into_iter().next() {
            Some(WriteResult::Modified { versions }) => versions,
            _ => vec![],
        };
        let matched = ids.len() as u64;
        let (ids, versions) = ids.into_iter().zip(versions).filter(|(id, _)| different.contains(id)).unzip();
        Ok(Reply::Updated { matched, ids, versions, corrupt, changed })
    }

    pub(super) fn delete_many(&mut self, task: &mut CommandTask, collection: &str, query: &str) -> Result<Reply, Stop> {
        let Matched { ids, corrupt } = self.matched(task, collection, query)?;
        let write = [Write::Delete { collection: collection.to_owned(), ids: ids.clone() }];
        let (_, _, changed) = self.write_changes(&write, false)?;
        task.matched = None;
        Ok(Reply::Removed { ids, corrupt, changed })
    }

    /// What the query asks for, found once.
    fn matched(&mut self, task: &mut CommandTask, collection: &str, query: &str) -> Result<Matched, Stop> {
        let matched = match task.matched.take() {
            Some(matched) => matched,
            None => self.find_ids(task, collection, query)?,
        };
        task.matched = Some(matched.clone());
        Ok(matched)
    }
}

/// What modifiers make of documents.
pub(super) fn apply(collection: &str, ids: &[String], documents: &str, modifiers: &str) -> Result<Reply, Failure> {
    let modifiers = parse_modifiers(modifiers)?;
    let values = json::parse_many(documents).map_err(|error| document_failure(&error))?;
    if values.len() != ids.len() {
        return Err(Failure::new(ErrorCode::RequestInvalid, "ids and documents differ in number"));
    }
    let (mut text, mut tagged, mut changed) = (String::from("["), false, Vec::with_capacity(ids.len()));
    for (id, before) in ids.iter().zip(&values) {
        let about = |failure: Failure| failure.about(collection, id);
        let value = modifiers.apply(before).map_err(|error| about(not_applicable(&error)))?;
        changed.push(value != *before);
        value.encode().map_err(|error| about(document_failure(&error)))?;
        if text.len() > 1 {
            text.push(',');
        }
        let malformed = |_| Failure::new(ErrorCode::Internal, "a document that was modified cannot be written");
        tagged |= json::write_value(&value, &mut text).map_err(malformed)?;
    }
    text.push(']');
    Ok(Reply::Applied { documents: text, tagged, changed })
}

/// Modifiers as they cross from a page.
pub(super) fn parse_modifiers(text: &str) -> Result<Modifiers, Failure> {
    let unreadable =
        |error| Failure::new(ErrorCode::RequestInvalid, format!("the modifiers are not readable: {error}"));
    let value = json::parse_one(text).map_err(unreadable)?;
    Modifiers::parse(&value).map_err(|error| {
        let message = error.sentence("the modifiers are");
        let QueryError { path, operator, reason } = error;
        failure(ErrorCode::QueryInvalid, message, QueryMistake { path, operator, reason })
    })
}

pub(super) fn not_applicable(error: &NotApplicable) -> Failure {
    let NotApplicable { path, operator, reason } = error;
    let mistake =
        QueryMistake { path: path.clone(), operator: Some((*operator).to_owned()), reason: (*reason).to_owned() };
    failure(ErrorCode::UpdateNotApplicable, error.to_string(), mistake)
}

fn failure(code: ErrorCode, message: String, mistake: QueryMistake) -> Failure {
    let mut failure = Failure::new(code, message);
    failure.query = Some(Box::new(mistake));
    failure
}
