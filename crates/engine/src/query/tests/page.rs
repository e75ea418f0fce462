//! The examples of `docs/queries.md`, run.

use super::{filter, value};

const PAGE: &str = include_str!("../../../../../docs/queries.md");

/// The operator, or rule, and the code of the filter, a document that it matches and one that it does not.
fn example(row: &str) -> Option<(&str, [&str; 3])> {
    let cells: Vec<&str> = row.strip_prefix("| ")?.split(" | ").collect();
    let code = |at: usize| cells.get(at)?.strip_prefix('`')?.strip_suffix('`').filter(|text| text.starts_with('{'));
    Some((cells[0].trim_matches('`'), [code(1)?, code(2)?, code(3)?]))
}

#[test]
fn the_examples_of_the_page_are_true() {
    let examples: Vec<_> = PAGE.lines().filter_map(example).collect();
    for operator in [
        "$eq",
        "$ne",
        "$gt",
        "$gte",
        "$lt",
        "$lte",
        "$in",
        "$nin",
        "$exists",
        "$type",
        "$size",
        "$all",
        "$elemMatch",
        "$regex",
        "$options",
        "$not",
        "$and",
        "$or",
        "$nor",
    ] {
        assert!(examples.iter().any(|(name, _)| *name == operator), "{operator} has no example");
    }
    assert!(examples.len() >= 31, "{}", examples.len());
    for (name, [text, matching, other]) in examples {
        let filter = filter(text);
        assert!(filter.matches(&value(matching)), "{name}: {text} matches {matching}");
        assert!(!filter.matches(&value(other)), "{name}: {text} does not match {other}");
    }
}

#[test]
fn the_limits_of_the_page_are_the_limits() {
    use crate::query::*;
    assert_eq!((MAX_FILTER_DEPTH, MAX_CONDITIONS, MAX_LISTED_VALUES), (32, 1_000, 10_000));
    assert_eq!((MAX_PATH_BYTES, MAX_PATH_STEPS), (1_024, 100));
    assert_eq!((MAX_PATTERN_BYTES, MAX_COMPILED_PATTERN_BYTES), (1_024, 64 << 10));
    assert_eq!((MAX_SORT_PATHS, MAX_SELECTED_PATHS), (16, 256));
    for limit in ["32 levels", "| 1,000 |", "| 10,000 |", "1,024 bytes, 100 steps", "64 KiB", "16 paths", "256 paths"] {
        assert!(PAGE.contains(limit), "{limit}");
    }
}
