//! From the object that a page sends to a filter, or to the place and the reason why it is none.

use ashore_protocol::gather::sorted_by;
use std::collections::BTreeMap;

use super::{Node, Side, Test, TypeName};
use crate::document::Value;
use crate::document::value::MAX_DEPTH;
use crate::query::order::compare;
use crate::query::path::Path;
use crate::query::pattern::{Pattern, PatternError};
use crate::query::{MAX_CONDITIONS, MAX_FILTER_DEPTH, MAX_LISTED_VALUES, QueryError};

const NOT_AN_OBJECT: &str = "a filter is an object";
const TOO_DEEP: &str = "the filter is nested deeper than 32 levels";
const TOO_MANY_CONDITIONS: &str = "the filter has more than 1,000 conditions";
const TOO_MANY_VALUES: &str = "the filter lists more than 10,000 values";
const UNKNOWN: &str = "there is no such operator";
const NOT_HERE: &str = "the operator stands behind a path: { path: { $operator: … } }";
const NOT_BEHIND_A_PATH: &str = "the operator stands before paths: { $operator: [{ path: … }] }";
const MIXED: &str = "operators and fields stand in one object";
const OPERATOR_IN_VALUE: &str =
    "an operator stands inside a value: write a path with dots, or $eq for an object that has such a key";
const NO_BRANCHES: &str = "the operand is an array of at least one filter";
const NOT_A_LIST: &str = "the operand is an array";
const NOT_A_BOOLEAN: &str = "the operand is true or false";
const NOT_A_SIZE: &str = "the operand is a whole number from 0";
const NOT_OPERATORS: &str = "the operand is an object of operators";
const NOT_ITEM: &str = "the operand is an object of operators, or a filter";
const NOT_TEXT: &str = "the operand is a string";
const NO_TYPE: &str =
    "the operand is one or more of null, number, bigint, string, boolean, array, object, bytes and date";
const NO_PATTERN: &str = "$options stands beside $regex";
const NOT_FINITE: &str = "a number is not finite";
const VALUE_TOO_DEEP: &str = "a value is nested deeper than a document can be";

pub(super) fn filter(filter: &Value) -> Result<Node, QueryError> {
    let mut left = Left { conditions: MAX_CONDITIONS, values: MAX_LISTED_VALUES };
    left.node(filter, Place { prefix: "", depth: 1 })
}

/// Where in the filter: what stands before the paths of this level, and how deep it is.
#[derive(Clone, Copy)]
struct Place<'a> {
    prefix: &'a str,
    depth: usize,
}

impl Place<'_> {
    fn refuse(self, operator: Option<&str>, reason: impl Into<String>) -> QueryError {
        QueryError::new(self.prefix.strip_suffix('.').unwrap_or(self.prefix), operator, reason)
    }

    fn deeper<'a>(self, prefix: &'a str, operator: &str) -> Result<Place<'a>, QueryError> {
        if self.depth >= MAX_FILTER_DEPTH {
            return Err(self.refuse(Some(operator), TOO_DEEP));
        }
        Ok(Place { prefix, depth: self.depth + 1 })
    }
}

/// What the filter may still have.
struct Left {
    conditions: usize,
    values: usize,
}

impl Left {
    fn node(&mut self, filter: &Value, place: Place<'_>) -> Result<Node, QueryError> {
        let Value::Map(fields) = filter else { return Err(place.refuse(None, NOT_AN_OBJECT)) };
        let mut nodes = Vec::new();
        for (key, operand) in fields {
            match key.as_str() {
                "$and" => nodes.push(Node::And(self.branches(key, operand, place)?)),
                "$or" => nodes.push(Node::Or(self.branches(key, operand, place)?)),
                "$nor" => nodes.push(Node::Nor(self.branches(key, operand, place)?)),
                key if key.starts_with('$') => {
                    return Err(place.refuse(Some(key), if is_operator(key) { NOT_HERE } else { UNKNOWN }));
                }
                key => {
                    let path = Path::parse(key).map_err(|reason| place.refuse(None, reason))?;
                    let shown = format!("{}{key}", place.prefix);
                    let tests = self.tests_at(operand, Place { prefix: &shown, ..place })?;
                    nodes.extend(tests.into_iter().map(|test| Node::At(path.clone(), test)));
                }
            }
        }
        Ok(only(nodes, Node::And))
    }

    fn branches(&mut self, operator: &str, operand: &Value, place: Place<'_>) -> Result<Vec<Node>, QueryError> {
        self.condition(place, operator)?;
        let Value::List(branches) = operand else { return Err(place.refuse(Some(operator), NO_BRANCHES)) };
        if branches.is_empty() {
            return Err(place.refuse(Some(operator), NO_BRANCHES));
        }
        if branches.len() > MAX_CONDITIONS {
            return Err(place.refuse(Some(operator), TOO_MANY_CONDITIONS));
        }
        let mut nodes = Vec::new();
        for (at, branch) in branches.iter().enumerate() {
            let prefix = format!("{}{operator}[{at}].", place.prefix);
            nodes.push(self.node(branch, place.deeper(&prefix, operator)?)?);
        }
        Ok(nodes)
    }

    /// What stands behind a path: operators, or a value that it equals.
    fn tests_at(&mut self, operand: &Value, place: Place<'_>) -> Result<Vec<Test>, QueryError> {
        match operand {
            Value::Map(map) if map.keys().any(|key| key.starts_with('$')) => self.operators(map, place),
            value => {
                self.condition(place, "$eq")?;
                if holds_operator(value, 0) {
                    return Err(place.refuse(None, OPERATOR_IN_VALUE));
                }
                Ok(vec![Test::Equal(copied(value).map_err(|reason| place.refuse(None, reason))?)])
            }
        }
    }

    fn operators(&mut self, map: &BTreeMap<String, Value>, place: Place<'_>) -> Result<Vec<Test>, QueryError> {
        if !map.keys().all(|key| key.starts_with('$')) {
            return Err(place.refuse(None, MIXED));
        }
        let mut tests = Vec::new();
        for (operator, operand) in map {
            match operator.as_str() {
                "$options" if map.contains_key("$regex") => {}
                "$regex" => tests.push(self.pattern(operand, map.get("$options"), place)?),
                operator => tests.push(self.test(operator, operand, place)?),
            }
        }
        Ok(tests)
    }

    fn test(&mut self, operator: &str, operand: &Value, place: Place<'_>) -> Result<Test, QueryError> {
        self.condition(place, operator)?;
        let refuse = |reason: &str| place.refuse(Some(operator), reason);
        let value = || copied(operand).map_err(refuse);
        match operator {
            "$eq" => value().map(Test::Equal),
            "$ne" => value().map(|value| not(Test::Equal(value))),
            "$gt" => value().map(|value| Test::Range(Side::Above, value)),
            "$gte" => value().map(|value| Test::Range(Side::From, value)),
            "$lt" => value().map(|value| Test::Range(Side::Below, value)),
            "$lte" => value().map(|value| Test::Range(Side::UpTo, value)),
            "$in" => self.listed(operator, operand, place).map(Test::In),
            "$nin" => self.listed(operator, operand, place).map(|values| not(Test::In(values))),
            "$exists" => match operand {
                Value::Bool(exists) => Ok(Test::Exists(*exists)),
                _ => Err(refuse(NOT_A_BOOLEAN)),
            },
            "$type" => type_names(operand).map(Test::Type).ok_or_else(|| refuse(NO_TYPE)),
            "$size" => match operand {
                Value::Uint(size) => Ok(Test::Size(*size)),
                _ => Err(refuse(NOT_A_SIZE)),
            },
            "$all" => self.all(operand, place),
            "$elemMatch" => self.item(operand, place),
            "$not" => self.negated(operand, place),
            "$options" => Err(refuse(NO_PATTERN)),
            "$and" | "$or" | "$nor" => Err(refuse(NOT_BEHIND_A_PATH)),
            _ => Err(refuse(UNKNOWN)),
        }
    }

    fn listed(&mut self, operator: &str, operand: &Value, place: Place<'_>) -> Result<Vec<Value>, QueryError> {
        let items = self.items(operator, operand, place)?;
        let values: Result<Vec<_>, _> = items.iter().map(copied).collect();
        let values = values.map_err(|reason| place.refuse(Some(operator), reason))?;
        let mut values = sorted_by(values, compare);
        values.dedup_by(|a, b| compare(a, b).is_eq());
        Ok(values)
    }

    fn items<'v>(&mut self, operator: &str, operand: &'v Value, place: Place<'_>) -> Result<&'v [Value], QueryError> {
        let Value::List(items) = operand else { return Err(place.refuse(Some(operator), NOT_A_LIST)) };
        match self.values.checked_sub(items.len()) {
            Some(left) => self.values = left,
            None => return Err(place.refuse(Some(operator), TOO_MANY_VALUES)),
        }
        Ok(items)
    }

    fn all(&mut self, operand: &Value, place: Place<'_>) -> Result<Test, QueryError> {
        let items = self.items("$all", operand, place)?;
        // Not every array has each of no values: asking for none is a mistake, and finds nothing.
        if items.is_empty() {
            return Ok(Test::In(Vec::new()));
        }
        let tests: Result<_, _> = items.iter().map(|item| self.item_of_all(item, place)).collect();
        tests.map(Test::Every)
    }

    fn item_of_all(&mut self, item: &Value, place: Place<'_>) -> Result<Test, QueryError> {
        if let Value::Map(map) = item {
            let single = if map.len() == 1 { map.get("$elemMatch") } else { None };
            if let Some(operand) = single {
                self.condition(place, "$all")?;
                return self.item(operand, place);
            }
        }
        if holds_operator(item, 0) {
            return Err(place.refuse(Some("$all"), OPERATOR_IN_VALUE));
        }
        copied(item).map(Test::Equal).map_err(|reason| place.refuse(Some("$all"), reason))
    }

    /// `$elemMatch`: operators that an item itself passes, or a filter that an item matches.
    fn item(&mut self, operand: &Value, place: Place<'_>) -> Result<Test, QueryError> {
        let Value::Map(map) = operand else { return Err(place.refuse(Some("$elemMatch"), NOT_ITEM)) };
        let prefix = format!("{}.$elemMatch", place.prefix);
        if map.keys().any(|key| key.starts_with('$') && !is_logical(key)) {
            let inside = place.deeper(&prefix, "$elemMatch")?;
            return self.operators(map, inside).map(Test::Item);
        }
        let prefix = format!("{prefix}.");
        let inside = place.deeper(&prefix, "$elemMatch")?;
        self.node(operand, inside).map(|node| Test::ObjectItem(Box::new(node)))
    }

    fn negated(&mut self, operand: &Value, place: Place<'_>) -> Result<Test, QueryError> {
        let Value::Map(map) = operand else { return Err(place.refuse(Some("$not"), NOT_OPERATORS)) };
        if !map.keys().any(|key| key.starts_with('$')) {
            return Err(place.refuse(Some("$not"), NOT_OPERATORS));
        }
        let prefix = format!("{}.$not", place.prefix);
        let inside = place.deeper(&prefix, "$not")?;
        self.operators(map, inside).map(|tests| not(only(tests, Test::Every)))
    }

    fn pattern(&mut self, pattern: &Value, options: Option<&Value>, place: Place<'_>) -> Result<Test, QueryError> {
        self.condition(place, "$regex")?;
        let Value::String(pattern) = pattern else { return Err(place.refuse(Some("$regex"), NOT_TEXT)) };
        let options = match options {
            None => "",
            Some(Value::String(options)) => options,
            Some(_) => return Err(place.refuse(Some("$options"), NOT_TEXT)),
        };
        Pattern::parse(pattern, options).map(Test::Pattern).map_err(|error| match error {
            PatternError::Pattern(reason) => place.refuse(Some("$regex"), reason),
            PatternError::Options(reason) => place.refuse(Some("$options"), reason),
        })
    }

    fn condition(&mut self, place: Place<'_>, operator: &str) -> Result<(), QueryError> {
        match self.conditions.checked_sub(1) {
            Some(left) => self.conditions = left,
            None => return Err(place.refuse(Some(operator), TOO_MANY_CONDITIONS)),
        }
        Ok(())
    }
}

fn not(test: Test) -> Test {
    Test::Not(Box::new(test))
}

/// The only one as itself, others together.
fn only<T>(mut all: Vec<T>, together: fn(Vec<T>) -> T) -> T {
    match all.pop() {
        Some(last) if all.is_empty() => last,
        last => {
            all.extend(last);
            together(all)
        }
    }
}

fn is_logical(key: &str) -> bool {
    matches!(key, "$and" | "$or" | "$nor")
}

fn is_operator(key: &str) -> bool {
    matches!(
        key,
        "$eq"
            | "$ne"
            | "$gt"
            | "$gte"
            | "$lt"
            | "$lte"
            | "$in"
            | "$nin"
            | "$exists"
            | "$type"
            | "$size"
            | "$all"
            | "$elemMatch"
            | "$regex"
            | "$options"
            | "$not"
    )
}

/// Whether a key somewhere in `value` looks like an operator: a mistake that would otherwise find nothing, silently.
fn holds_operator(value: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match value {
        Value::List(items) => items.iter().any(|item| holds_operator(item, depth + 1)),
        Value::Map(map) => map.iter().any(|(key, value)| key.starts_with('$') || holds_operator(value, depth + 1)),
        _ => false,
    }
}

/// A copy of a value that a document can hold, checked before it is copied.
fn copied(value: &Value) -> Result<Value, &'static str> {
    comparable(value, 0).map(|()| value.clone())
}

fn comparable(value: &Value, depth: usize) -> Result<(), &'static str> {
    match value {
        Value::F64(number) if !number.is_finite() => Err(NOT_FINITE),
        Value::List(_) | Value::Map(_) if depth >= MAX_DEPTH => Err(VALUE_TOO_DEEP),
        Value::List(items) => items.iter().try_for_each(|item| comparable(item, depth + 1)),
        Value::Map(map) => map.values().try_for_each(|value| comparable(value, depth + 1)),
        _ => Ok(()),
    }
}

fn type_names(operand: &Value) -> Option<Vec<TypeName>> {
    match operand {
        Value::List(names) if names.is_empty() || names.len() > 16 => None,
        Value::List(names) => names.iter().map(type_name).collect(),
        name => type_name(name).map(|name| vec![name]),
    }
}

fn type_name(name: &Value) -> Option<TypeName> {
    let Value::String(name) = name else { return None };
    Some(match name.as_str() {
        "null" => TypeName::Null,
        "number" => TypeName::Number,
        "bigint" => TypeName::Bigint,
        "string" => TypeName::String,
        "boolean" => TypeName::Boolean,
        "array" => TypeName::Array,
        "object" => TypeName::Object,
        "bytes" => TypeName::Bytes,
        "date" => TypeName::Date,
        _ => return None,
    })
}
