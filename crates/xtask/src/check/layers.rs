//! The order of modules: what a crate's lib.rs (or main.rs) names first must not use what it names later.
//!
//! Tests (`#[cfg(test)]`, and files and folders named `tests`, which hold nothing else) are free to use anything. Names that a root file re-exports are not followed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::failure::{Failure, Outcome};
use crate::sources;
use crate::workspace;

const ROOT_FILES: [&str; 2] = ["lib.rs", "main.rs"];

pub(crate) fn check() -> Outcome {
    let mut problems = Vec::new();
    for path in sources::tracked()? {
        let crate_root = ROOT_FILES.iter().any(|name| path.ends_with(&format!("/src/{name}")));
        if crate_root {
            check_crate(&workspace::root().join(&path), &mut problems)?;
        }
    }
    Failure::unless_empty("modules that use what stands after them", &problems)
}

fn check_crate(root_file: &Path, problems: &mut Vec<String>) -> Outcome {
    let order: BTreeMap<String, usize> =
        declared(parse(root_file)?).into_iter().enumerate().map(|(at, name)| (name, at)).collect();
    let source = root_file.parent().unwrap_or(root_file);
    for (module, at) in &order {
        for file in files_of(source, module)? {
            let depth = depth_of(source, &file);
            for (line, used) in roots_used(parse(&file)?, depth) {
                if order.get(&used).is_some_and(|place| place > at) {
                    let shown = file.strip_prefix(workspace::root()).unwrap_or(&file).display();
                    problems.push(format!("{shown}:{line}: `{module}` uses `{used}`"));
                }
            }
        }
    }
    Ok(())
}

fn parse(file: &Path) -> Outcome<TokenStream> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    text.parse().map_err(|error: proc_macro2::LexError| unreadable(&error))
}

/// `module.rs` and everything below `module/` but tests.
fn files_of(source: &Path, module: &str) -> Outcome<Vec<PathBuf>> {
    let mut files = sources::below(&source.join(module))?;
    files.push(source.join(format!("{module}.rs")));
    let is_test = |file: &Path| {
        let below = file.strip_prefix(source).unwrap_or(file).with_extension("");
        below.components().any(|part| part.as_os_str() == "tests")
    };
    files.retain(|file| file.is_file() && file.extension().is_some_and(|ending| ending == "rs") && !is_test(file));
    Ok(files)
}

/// How many modules deep a file stands: 1 for `store.rs` and `store/mod.rs`, 2 for `store/keys.rs`.
fn depth_of(source: &Path, file: &Path) -> usize {
    let parts = file.strip_prefix(source).unwrap_or(file).components().count();
    if file.file_stem().is_some_and(|name| name == "mod") { parts - 1 } else { parts }
}

/// The names of `mod name;` in the order in which they stand, those for tests left out.
fn declared(tokens: TokenStream) -> Vec<String> {
    let tokens = without_tests(tokens);
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    pairs.filter(|(word, _)| is_word(word, "mod")).filter_map(|(_, name)| word(name)).collect()
}

/// Every name right below the crate's root that these tokens reach by `crate::` or enough `super::`, with its line.
fn roots_used(tokens: TokenStream, depth: usize) -> Vec<(usize, String)> {
    let tokens = without_tests(tokens);
    let mut used = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let TokenTree::Group(group) = token {
            let inside_module = group.delimiter() == Delimiter::Brace && at >= 2 && is_word_at(&tokens, at - 2, "mod");
            used.extend(roots_used(group.stream(), depth + usize::from(inside_module)));
            at += 1;
            continue;
        }
        let (supers, after) = climb(&tokens, at);
        let from_root = is_word(token, "crate") || (supers > 0 && supers == depth);
        if from_root && is_path_separator(&tokens, after) {
            used.extend(first_names(&tokens, after + 2));
        }
        at = after.max(at + 1);
    }
    used
}

/// From `super::super` at `at`: how many, and where the last one ends. Any other single token counts as none.
fn climb(tokens: &[TokenTree], at: usize) -> (usize, usize) {
    let mut supers = 0;
    let mut place = at;
    while is_word_at(tokens, place, "super") {
        supers += 1;
        if !(is_path_separator(tokens, place + 1) && is_word_at(tokens, place + 3, "super")) {
            return (supers, place + 1);
        }
        place += 3;
    }
    (supers, place + 1)
}

/// The name at `at`, or the first names of each branch of a `{a::b, c}` there.
fn first_names(tokens: &[TokenTree], at: usize) -> Vec<(usize, String)> {
    match tokens.get(at) {
        Some(TokenTree::Ident(name)) => vec![(name.span().start().line, name.to_string())],
        Some(TokenTree::Group(group)) => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            let branches = inside.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ','));
            branches.flat_map(|branch| first_names(branch, 0)).collect()
        }
        _ => Vec::new(),
    }
}

/// The tokens without the items under `#[cfg(test)]`.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let all: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = all.get(at) {
        if is_mark(token, '#')
            && all.get(at + 1).is_some_and(|group| group.to_string().replace(' ', "") == "[cfg(test)]")
        {
            at = end_of_item(&all, at + 2);
            continue;
        }
        kept.push(token.clone());
        at += 1;
    }
    kept
}

/// Behind the `;` or the `{…}` that ends the item that begins at `at`.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| {
        is_mark(token, ';') || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    let length = tokens.iter().skip(at).position(ends);
    let end = length.map_or(tokens.len(), |length| at + length + 1);
    // `use a::{b, c};` ends at its semicolon, not at its braces.
    if tokens.get(end).is_some_and(|token| is_mark(token, ';')) { end + 1 } else { end }
}

fn word(token: &TokenTree) -> Option<String> {
    if let TokenTree::Ident(name) = token { Some(name.to_string()) } else { None }
}

fn is_word(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(name) if name == text)
}

fn is_word_at(tokens: &[TokenTree], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| is_word(token, text))
}

fn is_mark(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(mark) if mark.as_char() == character)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    [at, at + 1].iter().all(|place| tokens.get(*place).is_some_and(|token| is_mark(token, ':')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{declared, roots_used};

    fn used(text: &str, depth: usize) -> Vec<String> {
        roots_used(text.parse().unwrap(), depth).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn modules_are_listed_in_the_order_they_stand() {
        let text = "//! mod no;\npub mod b;\n#[cfg(test)]\nmod tests;\nmod a;";
        assert_eq!(declared(text.parse().unwrap()), ["b", "a"]);
    }

    #[test]
    fn paths_and_groups_from_the_root_are_found() {
        let text = "use crate::{a::{x, y}, b}; fn f() { crate::c::g(); m!(crate::d) }";
        assert_eq!(used(text, 1), ["a", "b", "c", "d"]);
    }

    #[test]
    fn super_counts_only_when_it_reaches_the_root() {
        assert_eq!(used("use super::a; use super::super::b;", 2), ["b"]);
        assert_eq!(used("use super::a; mod inner { use super::c; use super::super::d; }", 1), ["a", "d"]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text = "// crate::a\n/// [`crate::b`]\nfn f() { g(\"crate::c\") }\n#[cfg(test)]\nmod tests { use crate::d; }\nuse crate::e;";
        assert_eq!(used(text, 1), ["e"]);
    }

    #[test]
    fn an_import_under_cfg_test_ends_at_its_semicolon() {
        assert_eq!(used("#[cfg(test)]\nuse crate::{a, b};\nuse crate::c;", 1), ["c"]);
    }
}
