//! docs/promises.md and the matrix in docs/compatibility.md say the truth: every test that a row names exists.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use crate::failure::{Failure, Outcome};
use crate::sources;

const PAGE: &str = "docs/promises.md";
const MATRIX: &str = "docs/compatibility.md";
/// The title of the columns of a matrix that name tests.
const SHOWN_BY: &str = "shown by";
/// What a cell says that names no test.
const WITHOUT: [&str; 2] = ["not yet", "not applicable"];
const TITLE_CALLS: [&str; 3] = ["it(", "test(", "scenario("];
/// Calls that answer a test function: the title stands in the call behind them, as in `it.each(rows)("title", …)`.
const MAKERS: [&str; 6] = ["it.each(", "it.skipIf(", "it.runIf(", "test.each(", "test.skipIf(", "test.runIf("];

pub(crate) fn check() -> Outcome {
    let page =
        |path: &str| sources::text(path).ok().flatten().ok_or_else(|| Failure::new(format!("{path} is missing")));
    let tests = test_names()?;
    let all = [problems(&page(PAGE)?, &tests), problems_of_matrix(&page(MATRIX)?, &tests)].concat();
    Failure::unless_empty(&format!("{PAGE} or {MATRIX} and the tests differ"), &all)
}

/// One line for each row that cannot be read, that stands twice or that names a test which does not exist.
fn problems(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for row in page.lines().filter_map(Row::parse) {
        if !seen.insert(row.id) {
            problems.push(format!("{}: stands twice", row.id));
        }
        if row.tests.is_empty() && !says_why(row.shown_by) {
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

/// One line for each cell below "shown by" that names a test which does not exist, or none without saying "not yet". Other tables are passed over.
fn problems_of_matrix(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut columns, mut rows): (Vec<usize>, u32) = (Vec::new(), 0);
    for line in page.lines() {
        let Some(cells) = cells(line) else {
            columns.clear();
            continue;
        };
        if cells.contains(&SHOWN_BY) {
            columns = (0..cells.len()).filter(|at| cells.get(*at) == Some(&SHOWN_BY)).collect();
            continue;
        }
        if cells.iter().all(|cell| cell.chars().all(|mark| mark == '-')) || columns.is_empty() {
            continue;
        }
        rows += 1;
        let row = cells.first().copied().unwrap_or_default();
        for cell in columns.iter().map(|at| cells.get(*at).copied().unwrap_or_default()) {
            let named: Vec<&str> = names(cell).collect();
            if named.is_empty() && !says_why(cell) {
                problems.push(format!("{row}: a cell names no test and does not say \"not yet\""));
            }
            problems.extend(
                named.iter().filter(|name| !tests.contains(**name)).map(|name| format!("{row}: no test `{name}`")),
            );
        }
    }
    if rows == 0 {
        problems.push("no row could be read".to_owned());
    }
    problems
}

fn says_why(cell: &str) -> bool {
    WITHOUT.iter().any(|words| cell.contains(words))
}

/// The cells of a table's row.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?;
    Some(inner.strip_suffix('|').unwrap_or(inner).split('|').map(str::trim).collect())
}

/// What stands in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// `| A1 | promise | `test` | note |`
struct Row<'a> {
    id: &'a str,
    shown_by: &'a str,
    tests: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let cells = cells(line)?;
        let [id, _, shown_by, ..] = cells[..] else { return None };
        let number = id.strip_prefix(|letter: char| letter.is_ascii_uppercase())?;
        if number.is_empty() || !number.chars().all(|letter| letter.is_ascii_digit()) {
            return None;
        }
        Some(Self { id, shown_by, tests: names(shown_by).collect() })
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
    use super::{BTreeSet, problems, problems_of_matrix, rust_functions, titles};

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

    const HEAD: &str = "| boundary | older | shown by | newer | shown by |\n|---|---|---|---|---|\n";

    #[test]
    fn a_matrix_whose_tests_exist_passes_and_its_other_words_are_no_tests() {
        let page = format!(
            "| `code` | x |\n|---|---|\n| `other` | y |\n\n{HEAD}| frames | `code` | `a_put_replaces` | z | `reads back`, too |\n| rows | x | not yet | y | `reads back` |\n"
        );
        assert_eq!(problems_of_matrix(&page, &tests()), Vec::<String>::new());
    }

    #[test]
    fn a_cell_of_a_matrix_without_a_test_or_with_a_wrong_one_is_told() {
        let page = format!("{HEAD}| frames | x | | y | `gone` |\n| rows | x | `reads back` | y |");
        let told = problems_of_matrix(&page, &tests());
        let lacks = |row: &str| format!("{row}: a cell names no test and does not say \"not yet\"");
        assert_eq!(told, [lacks("frames"), "frames: no test `gone`".to_owned(), lacks("rows")]);
        assert_eq!(problems_of_matrix("no table", &tests()).len(), 1);
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
