//! docs/promises.md says the truth: every test that a row names exists.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use crate::failure::{Failure, Outcome};
use crate::sources;

const PAGE: &str = "docs/promises.md";
const TITLE_CALLS: [&str; 3] = ["it(", "test(", "scenario("];
/// Calls that answer a test function: the title stands in the call behind them, as in `it.each(rows)("title", …)`.
const MAKERS: [&str; 6] = ["it.each(", "it.skipIf(", "it.runIf(", "test.each(", "test.skipIf(", "test.runIf("];

pub(crate) fn check() -> Outcome {
    let page = sources::text(PAGE).ok().flatten().ok_or_else(|| Failure::new(format!("{PAGE} is missing")))?;
    Failure::unless_empty(&format!("{PAGE} and the tests differ"), &problems(&page, &test_names()?))
}

/// One line for each row that cannot be read, that stands twice or that names a test which does not exist.
fn problems(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for row in page.lines().filter_map(Row::parse) {
        if !seen.insert(row.id) {
            problems.push(format!("{}: stands twice", row.id));
        }
        if row.tests.is_empty() && !row.shown_by.contains("not yet") {
            problems.push(format!("{}: names no test and does not say \"not yet\"", row.id));
        }
        problems.extend(
            row.tests.iter().filter(|name| !tests.contains(**name)).map(|name| format!("{}: no test `{name}`", row.id)),
        );
    }
    if seen.is_empty() {
        problems.push("no row could be read".to_owned());
    }
    problems
}

/// `| A1 | promise | `test` | note |`
struct Row<'a> {
    id: &'a str,
    shown_by: &'a str,
    tests: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let cells: Vec<&str> = line.trim().strip_prefix('|')?.split('|').map(str::trim).collect();
        let [id, _, shown_by, ..] = cells[..] else { return None };
        let number = id.strip_prefix(|letter: char| letter.is_ascii_uppercase())?;
        if number.is_empty() || !number.chars().all(|letter| letter.is_ascii_digit()) {
            return None;
        }
        Some(Self { id, shown_by, tests: shown_by.split('`').skip(1).step_by(2).collect() })
    }
}

/// The names of all Rust functions marked as tests, and the titles of all TypeScript tests.
fn test_names() -> Outcome<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for path in sources::tracked()? {
        let Some(text) = sources::text(&path)? else { continue };
        if path.ends_with(".rs") {
            let tokens: TokenStream = text.parse().map_err(|error| Failure::new(format!("{path}: {error}")))?;
            rust_functions(tokens, &mut names);
        } else if [".ts", ".tsx", ".js", ".mjs"].iter().any(|ending| path.ends_with(ending)) {
            names.extend(titles(&text));
        }
    }
    Ok(names)
}

/// Every function's name; suites made by macros name their tests as `fn` too.
fn rust_functions(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let mut after_fn = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if after_fn => {
                names.insert(name.to_string());
                after_fn = false;
            }
            TokenTree::Ident(name) => after_fn = name == "fn",
            TokenTree::Group(group) => rust_functions(group.stream(), names),
            _ => after_fn = false,
        }
    }
}

/// What stands in quotes right behind `it(` and its like, or behind `it.each(…)(` and its like.
fn titles(text: &str) -> Vec<String> {
    let named = behind(text, &TITLE_CALLS).filter_map(|rest| quoted(rest.trim_start()));
    let made = behind(text, &MAKERS).filter_map(|rest| {
        let call = after_arguments(rest)?.trim_start().strip_prefix('(')?;
        quoted(call.trim_start())
    });
    named.chain(made).collect()
}

/// The rest of the text behind each place where one of `calls` stands.
fn behind<'a>(text: &'a str, calls: &'a [&str]) -> impl Iterator<Item = &'a str> {
    calls.iter().flat_map(|call| text.match_indices(call).filter_map(|(at, call)| text.get(at + call.len()..)))
}

/// What follows the bracket that closes these arguments; brackets in quotes are none.
fn after_arguments(text: &str) -> Option<&str> {
    let (mut open, mut quote, mut escaped) = (1_u32, None, false);
    for (at, mark) in text.char_indices() {
        match (quote, mark) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(begun), end) if begun == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(mark),
            (None, '(') => open += 1,
            (None, ')') => open -= 1,
            (None, _) => {}
        }
        if open == 0 {
            return text.get(at + mark.len_utf8()..);
        }
    }
    None
}

fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|mark| "\"'`".contains(*mark))?;
    text.get(1..)?.split(quote).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{BTreeSet, problems, rust_functions, titles};

    fn tests() -> BTreeSet<String> {
        ["a_put_replaces".to_owned(), "reads back".to_owned()].into()
    }

    #[test]
    fn rows_whose_tests_exist_pass() {
        let page = "| id | promise | test | note |\n|---|---|---|---|\n| A1 | x | `a_put_replaces`, `reads back` | |\n| A2 | y | not yet | z |";
        assert_eq!(problems(page, &tests()), Vec::<String>::new());
    }

    #[test]
    fn a_missing_test_an_empty_row_and_a_double_row_are_told() {
        let page = "| A1 | x | `gone` | |\n| A2 | y | | |\n| A2 | y | not yet | |";
        assert_eq!(problems(page, &tests()).len(), 3);
    }

    #[test]
    fn names_come_from_functions_and_titles() {
        let mut names = BTreeSet::new();
        if let Ok(tokens) = "mod a { #[test] fn it_works() {} } suite! { fn inside() {} }".parse() {
            rust_functions(tokens, &mut names);
        }
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["inside", "it_works"]);
        assert_eq!(titles("it(\"reads back\", f); test(\n  `also`, g)"), ["reads back", "also"]);
    }

    #[test]
    fn titles_stand_behind_conditions_and_rows_too() {
        assert_eq!(titles("it.skipIf(!persistent)(\"is kept\", f)"), ["is kept"]);
        assert_eq!(titles("it.runIf(there())(\n  'runs', f)"), ["runs"]);
        assert_eq!(titles("it.each([[\")(\", (1)], ['\\')']])(\"of %s\", f)"), ["of %s"]);
        assert_eq!(titles("it.each(rows)(title, f); it.skipIf(a"), Vec::<String>::new());
        assert_eq!(titles("it.each([\"a row is no title\"])(f)"), Vec::<String>::new());
    }
}
