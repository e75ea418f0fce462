//! From the object that a page sends to modifiers, or to the place and the reason why they are none.

use ashore_protocol::gather::sorted_by;
use std::collections::BTreeMap;

use super::{Change, Modifier, Order, Pull, Push, whole};
use crate::document::Value;
use crate::query::filter::Filter;
use crate::query::path::Path;
use crate::query::sort::Sort;
use crate::query::sort_key::Direction;
use crate::query::{MAX_MODIFIERS, QueryError};

const NOT_AN_OBJECT: &str = "modifiers are an object of operators: { $set: { path: value } }";
const NONE: &str = "there is no operator";
const NOT_AN_OPERATOR: &str = "a field stands beside the operators: a whole document is written with put";
const UNKNOWN: &str = "there is no such modifier";
const NOT_PATHS: &str = "the operand is an object of paths";
const TOO_MANY: &str = "there are more than 1,000 modifiers";
const EMPTY_STEP: &str = "a step of the path is empty";
const OPERATOR_STEP: &str =
    "a step of the path begins with $: items are named by their place, or changed with a function";
const CONFLICT: &str = "two modifiers change the same place, or one changes what the other lies in";
const NOT_A_NUMBER: &str = "the operand is a number or a bigint";
const NOT_AN_END: &str = "the operand is 1 for the last item or -1 for the first";
const NOT_A_PATH: &str = "the operand is the new path, a string";
const NOT_A_LIST: &str = "$each is an array";
const NO_EACH: &str = "$position, $slice and $sort stand beside $each";
const NOT_BESIDE_EACH: &str = "there is no such option";
const NOT_WHOLE: &str = "the operand is a whole number";
const NOT_AN_ORDER: &str = "the operand is 1, -1, or an order of fields: [[\"due\", 1], [\"title\", -1]]";

pub(super) fn modifiers(modifiers: &Value) -> Result<Vec<Change>, QueryError> {
    let Value::Map(operators) = modifiers else { return Err(QueryError::new("", None, NOT_AN_OBJECT)) };
    if operators.is_empty() {
        return Err(QueryError::new("", None, NONE));
    }
    let mut changes = Vec::new();
    for (operator, operand) in operators {
        if !operator.starts_with('$') {
            return Err(QueryError::new(operator, None, NOT_AN_OPERATOR));
        }
        let Value::Map(paths) = operand else { return Err(QueryError::new("", Some(operator), NOT_PATHS)) };
        if changes.len() + paths.len() > MAX_MODIFIERS {
            return Err(QueryError::new("", Some(operator), TOO_MANY));
        }
        for (path, operand) in paths {
            changes.push(At { path, operator }.change(operand)?);
        }
        if paths.is_empty() {
            At { path: "", operator }.modifier(&Value::Null).map(drop).or_else(known)?;
        }
    }
    check_conflicts(&changes)?;
    Ok(changes)
}

/// An operator without paths changes nothing, if there is such an operator.
fn known(error: QueryError) -> Result<(), QueryError> {
    if error.reason == UNKNOWN { Err(error) } else { Ok(()) }
}

/// Where in the modifiers.
#[derive(Clone, Copy)]
struct At<'a> {
    path: &'a str,
    operator: &'a str,
}

impl At<'_> {
    fn refuse(self, reason: &str) -> QueryError {
        QueryError::new(self.path, Some(self.operator), reason)
    }

    fn change(self, operand: &Value) -> Result<Change, QueryError> {
        let modifier = self.modifier(operand)?;
        Ok(Change { path: self.parse_path(self.path)?, modifier })
    }

    fn parse_path(self, text: &str) -> Result<Path, QueryError> {
        let path = Path::parse(text).map_err(|reason| self.refuse(reason))?;
        if path.keys().any(str::is_empty) {
            return Err(self.refuse(EMPTY_STEP));
        }
        if path.keys().any(|key| key.starts_with('$')) {
            return Err(self.refuse(OPERATOR_STEP));
        }
        Ok(path)
    }

    fn modifier(self, operand: &Value) -> Result<Modifier, QueryError> {
        match (self.operator, operand) {
            ("$set", value) => Ok(Modifier::Set(value.clone())),
            ("$unset", _) => Ok(Modifier::Unset),
            ("$inc", Value::Uint(_) | Value::Int(_) | Value::F64(_)) => Ok(Modifier::Inc(operand.clone())),
            ("$inc", _) => Err(self.refuse(NOT_A_NUMBER)),
            ("$push", operand) => self.push(operand).map(Modifier::Push),
            ("$addToSet", operand) => self.added(operand).map(Modifier::AddToSet),
            ("$pull", operand) => self.pull(operand).map(Modifier::Pull),
            ("$pop", operand) => match whole(operand) {
                Some(1) => Ok(Modifier::Pop { first: false }),
                Some(-1) => Ok(Modifier::Pop { first: true }),
                _ => Err(self.refuse(NOT_AN_END)),
            },
            ("$rename", Value::String(to)) => self.parse_path(to).map(Modifier::Rename),
            ("$rename", _) => Err(self.refuse(NOT_A_PATH)),
            _ => Err(self.refuse(UNKNOWN)),
        }
    }

    fn push(self, operand: &Value) -> Result<Push, QueryError> {
        let mut push = Push { items: Vec::new(), position: None, sort: None, slice: None };
        let Some((items, options)) = self.each(operand)? else {
            push.items.push(operand.clone());
            return Ok(push);
        };
        push.items.extend_from_slice(items);
        for (option, value) in options.iter().filter(|(option, _)| *option != "$each") {
            let at = At { operator: option, ..self };
            match option.as_str() {
                "$position" => push.position = Some(whole(value).ok_or_else(|| at.refuse(NOT_WHOLE))?),
                "$slice" => push.slice = Some(whole(value).ok_or_else(|| at.refuse(NOT_WHOLE))?),
                "$sort" => push.sort = Some(at.order(value)?),
                _ => return Err(at.refuse(NOT_BESIDE_EACH)),
            }
        }
        Ok(push)
    }

    fn added(self, operand: &Value) -> Result<Vec<Value>, QueryError> {
        let Some((items, options)) = self.each(operand)? else { return Ok(vec![operand.clone()]) };
        match options.keys().find(|option| *option != "$each") {
            Some(option) => Err(At { operator: option, ..self }.refuse(NOT_BESIDE_EACH)),
            None => Ok(items.to_vec()),
        }
    }

    /// The items of an operand that has `$each`, and everything beside it; none for a plain item.
    #[allow(clippy::type_complexity, reason = "a pair of references into the operand")]
    fn each(self, operand: &Value) -> Result<Option<(&[Value], &BTreeMap<String, Value>)>, QueryError> {
        let Value::Map(options) = operand else { return Ok(None) };
        match options.get("$each") {
            Some(Value::List(items)) => Ok(Some((items, options))),
            Some(_) => Err(self.refuse(NOT_A_LIST)),
            None => match options.keys().find(|key| key.starts_with('$')) {
                Some(option) => Err(At { operator: option, ..self }.refuse(NO_EACH)),
                None => Ok(None),
            },
        }
    }

    fn order(self, operand: &Value) -> Result<Order, QueryError> {
        match operand {
            Value::List(pairs) if !pairs.is_empty() => Sort::parse(operand)
                .map(Order::Fields)
                .map_err(|error| self.refuse(&format!("{}: {}", error.path, error.reason))),
            operand => match whole(operand) {
                Some(1) => Ok(Order::Items(Direction::Ascending)),
                Some(-1) => Ok(Order::Items(Direction::Descending)),
                _ => Err(self.refuse(NOT_AN_ORDER)),
            },
        }
    }

    fn pull(self, operand: &Value) -> Result<Pull, QueryError> {
        let Value::Map(map) = operand else { return Ok(Pull::Equal(operand.clone())) };
        let logical = |key: &String| matches!(key.as_str(), "$and" | "$or" | "$nor");
        let operators = map.keys().any(|key| key.starts_with('$') && !logical(key));
        let parsed = if operators {
            let wrapped = BTreeMap::from([(String::new(), operand.clone())]);
            Filter::parse(&Value::Map(wrapped)).map(Pull::Passing)
        } else {
            Filter::parse(operand).map(Pull::Objects)
        };
        parsed.map_err(|error| {
            let inside = error.path.trim_start_matches('.');
            let path = if inside.is_empty() { self.path.to_owned() } else { format!("{}.{inside}", self.path) };
            QueryError::new(&path, Some(error.operator.as_deref().unwrap_or("$pull")), error.reason)
        })
    }
}

/// No two modifiers may meet, so that their order does not matter.
fn check_conflicts(changes: &[Change]) -> Result<(), QueryError> {
    let mut places: Vec<(Vec<&str>, &'static str)> = Vec::with_capacity(changes.len());
    for change in changes {
        places.push((change.path.keys().collect(), change.modifier.name()));
        if let Modifier::Rename(to) = &change.modifier {
            places.push((to.keys().collect(), "$rename"));
        }
    }
    // Whatever lies in a place stands directly behind it.
    let places = sorted_by(places, Ord::cmp);
    for (before, after) in places.iter().zip(places.iter().skip(1)) {
        if after.0.starts_with(&before.0) {
            return Err(QueryError::new(&after.0.join("."), Some(after.1), CONFLICT));
        }
    }
    Ok(())
}
