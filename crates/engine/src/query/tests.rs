#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
pub(crate) mod arbitrary;
mod bounds;
mod filters;
mod laws;
mod modifiers;
mod orders;
mod page;
mod peers;
mod update_peers;

use super::{Filter, QueryError};
use crate::document::{Value, json};

/// The value of a JSON text, of any type.
fn value(text: &str) -> Value {
    let Value::Map(mut map) = json::parse_one(&format!("{{\"v\":{text}}}")).unwrap() else { panic!("{text}") };
    map.remove("v").unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(&value(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> QueryError {
    match Filter::parse(&value(text)) {
        Err(error) => error,
        Ok(filter) => panic!("{text} was understood: {filter:?}"),
    }
}

fn matches(filter_text: &str, document: &str) -> bool {
    filter(filter_text).matches(&value(document))
}
