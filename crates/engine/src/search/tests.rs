//! Words, what a search asks for, and ranking; over texts of all scripts, and over hostile ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::document::{Value, json};
use crate::query::Path;
use proptest::prelude::*;

fn folded(text: &str) -> Vec<String> {
    words(text).collect()
}

fn fields(weights: &[(&str, u32)]) -> Vec<(Path, u32)> {
    weights.iter().map(|(path, weight)| (Path::parse(path).unwrap(), *weight)).collect()
}

fn documents(texts: &[&str]) -> Vec<(String, Value)> {
    texts.iter().enumerate().map(|(at, text)| (format!("n{at}"), json::parse_one(text).unwrap())).collect()
}

/// The ids that are found, the best first.
fn found(text: &str, documents: &[(String, Value)], fields: &[(Path, u32)]) -> Vec<String> {
    run(&Search::parse(text, true, true).unwrap(), documents, fields).into_iter().map(|hit| hit.id).collect()
}

#[test]
fn case_and_accents_do_not_count() {
    for (text, expected) in [
        ("Café CAFE\u{301} cafe", vec!["cafe", "cafe", "cafe"]),
        ("Straße STRASSE", vec!["strasse", "strasse"]),
        ("ΣΊΣΥΦΟΣ Σίσυφος", vec!["σισυφοσ", "σισυφοσ"]),
        ("Ёлка елка", vec!["елка", "елка"]),
        ("Việt Nam", vec!["viet", "nam"]),
        ("İstanbul istanbul", vec!["istanbul", "istanbul"]),
        ("it’s it's", vec!["it's", "it's"]),
    ] {
        assert_eq!(folded(text), expected, "{text}");
    }
}

#[test]
fn marks_that_make_another_letter_stay() {
    assert_ne!(folded("が"), folded("か"));
    assert_ne!(folded("की"), folded("का"));
    assert_eq!(folded("한글"), folded("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"), "composed or not");
}

#[test]
fn words_are_those_of_unicode() {
    for (text, expected) in [
        ("", vec![]),
        (" — … 🥛 !", vec![]),
        ("3.5 km, 1,000; foo_bar foo-bar", vec!["3.5", "km", "1,000", "foo_bar", "foo", "bar"]),
        ("example.org a@b", vec!["example.org", "a", "b"]),
        ("東京タワー", vec!["東", "京", "タワー"]),
        ("a\u{0}b", vec!["a", "b"]),
    ] {
        assert_eq!(folded(text), expected, "{text}");
    }
}

#[test]
fn hostile_texts_are_cut_not_choked_on() {
    let long = "x".repeat(1 << 20);
    assert_eq!(folded(&long), ["x".repeat(MAX_WORD_BYTES)]);
    let umlauts = "ü東".repeat(100_000);
    assert!(folded(&umlauts).iter().all(|word| word.len() <= MAX_WORD_BYTES));
    let stacked = format!("a{}", "\u{301}".repeat(500_000));
    assert_eq!(folded(&stacked), ["a"]);
    assert_eq!(folded("\u{345}"), Vec::<String>::new());
    let distinct: String = (0..100_000).map(|n| format!("w{n} ")).collect();
    let document = Value::Map([("t".to_owned(), Value::String(distinct))].into());
    let fields = fields(&[("t", 100)]);
    let postings = DocumentWords::of(&document, fields.iter().map(|(path, weight)| (path, *weight))).postings();
    assert_eq!(postings.frequencies.len(), MAX_DOCUMENT_WORDS);
    assert_eq!(postings.length, rounded_length(1_000_000));
}

#[test]
fn a_document_has_the_words_of_its_strings_also_in_arrays() {
    let document =
        json::parse_one(r#"{"t":["Oat milk",7,["deep"],{"x":"no"}],"p":[{"b":"milk"},{"b":["two","oat"]}]}"#);
    let fields = fields(&[("t", 3), ("p.b", 1), ("none", 1)]);
    let words = DocumentWords::of(&document.unwrap(), fields.iter().map(|(path, weight)| (path, *weight)));
    let postings = words.postings();
    let counted: Vec<_> = postings.frequencies.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    assert_eq!(counted, [("milk", 4), ("oat", 4), ("two", 1)]);
    assert_eq!(postings.length, 9);
}

#[test]
fn a_length_keeps_its_four_highest_bits() {
    for (length, rounded) in
        [(0, 0), (1, 1), (15, 15), (16, 16), (17, 16), (41, 40), (1_000, 960), (u32::MAX, 15 << 28)]
    {
        assert_eq!(rounded_length(length), rounded);
    }
}

#[test]
fn a_search_is_read_as_it_was_typed() {
    let read = |text: &str| {
        let search = Search::parse(text, true, true).unwrap();
        let word = |at: &usize| {
            let Term { word, prefix } = &search.terms[*at];
            if *prefix { format!("{word}*") } else { word.clone() }
        };
        let clause = |clause: &Clause| {
            let words = clause.terms.iter().map(word).collect::<Vec<_>>().join("+");
            if clause.excludes { format!("-{words}") } else { words }
        };
        search.clauses.iter().map(clause).collect::<Vec<_>>().join(" ")
    };
    for (text, expected) in [
        ("", ""),
        ("  - -- \"\" !", ""),
        ("Oat mil", "oat mil*"),
        ("oat -mil", "oat* -mil"),
        ("-mil oat", "oat* -mil"),
        ("\"oat milk\"", "oat+milk"),
        ("\"oat milk", "oat+milk"),
        ("a\"oat milk\"b", "a oat+milk b*"),
        ("-\"oat milk\" two", "two* -oat+milk"),
        ("foo/bar", "foo+bar*"),
        ("東京 x", "東+京 x*"),
        ("oat oat oat", "oat oat*"),
        ("well-known", "well+known*"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(Search::parse(&"x".repeat(5_000), true, true), Err(SearchError::TooLong));
    let many = |count: usize| (0..count).map(|n| format!("w{n} ")).collect::<String>();
    assert_eq!(Search::parse(&many(65), true, true), Err(SearchError::TooManyWords));
    assert_eq!(Search::parse(&many(64), true, true).unwrap().terms.len(), 64);
}

#[test]
fn rare_words_short_texts_and_heavy_fields_come_first() {
    let fields = fields(&[("t", 3), ("b", 1)]);
    let all = documents(&[
        r#"{"b":"milk and bread and butter and eggs"}"#,
        r#"{"b":"milk"}"#,
        r#"{"t":"milk","b":"bread"}"#,
        r#"{"b":"milk milk milk"}"#,
        r#"{"b":"oat"}"#,
    ]);
    assert_eq!(found("milk", &all, &fields), ["n3", "n2", "n1", "n0"]);
    let any = run(&Search::parse("milk oat", false, false).unwrap(), &all, &fields);
    assert_eq!(any[0].id, "n4", "the rarer word");
    assert_eq!((any.len(), any[0].terms, any[1].terms), (5, 2, 1));
}

#[test]
fn a_whole_word_comes_before_longer_ones() {
    let all = documents(&[r#"{"t":"oath of office"}"#, r#"{"t":"oat of morning"}"#, r#"{"t":"oats of morning"}"#]);
    assert_eq!(found("oat", &all, &fields(&[("t", 1)])), ["n1", "n0", "n2"]);
    let whole = Search::parse("oat", false, true).unwrap();
    assert_eq!(run(&whole, &all, &fields(&[("t", 1)])).len(), 1);
}

#[test]
fn words_that_stand_together_are_found_together() {
    let fields = fields(&[("t", 1), ("b", 1)]);
    let all = documents(&[
        r#"{"t":"new york city"}"#,
        r#"{"t":"york new"}"#,
        r#"{"t":"new","b":"york"}"#,
        r#"{"t":["new","york"]}"#,
        r#"{"t":"東京都"}"#,
        r#"{"t":"京東"}"#,
    ]);
    assert_eq!(found("\"new york\"", &all, &fields), ["n0"]);
    assert_eq!(found("new york", &all, &fields).len(), 4);
    assert_eq!(found("new -\"york new\" york", &all, &fields).len(), 3);
    assert_eq!(found("東京", &all, &fields), ["n4"]);
    assert_eq!(found("new/yo", &all, &fields), ["n0"]);
    assert_eq!(found("-york", &all, &fields), Vec::<String>::new());
}

#[test]
fn a_score_is_the_formulas() {
    let all = documents(&[r#"{"t":"a a b"}"#, r#"{"t":"b c d e f"}"#]);
    let hits = run(&Search::parse("a", false, true).unwrap(), &all, &fields(&[("t", 1)]));
    let rarity = (1.0_f64 + 1.5 / 1.5).ln();
    let expected = rarity * 2.0 / (2.0 + 1.2 * (0.25 + 0.75 * 3.0 / 4.0));
    assert!((hits[0].score - expected).abs() < 1e-12, "{hits:?}");
}

proptest! {
    #[test]
    fn any_text_with_words_is_found_by_itself(text in "[^\"]{0,40}") {
        let document = Value::Map([("t".to_owned(), Value::String(text.clone()))].into());
        let all = [("n".to_owned(), document)];
        let words = folded(&text);
        prop_assert!(words.iter().all(|word| (1..=MAX_WORD_BYTES).contains(&word.len()) && !word.contains('\0')));
        let search = Search::parse(&format!("\"{text}\""), false, true).unwrap();
        prop_assert_eq!(run(&search, &all, &fields(&[("t", 1)])).is_empty(), words.is_empty());
    }

    #[test]
    fn no_search_panics(text in "[\"\\- aé東\u{301}b/]{0,60}", prefix: bool, all: bool) {
        let search = Search::parse(&text, prefix, all).unwrap();
        let all = documents(&[r#"{"t":"a b é 東"}"#, "{}"]);
        let _ = run(&search, &all, &fields(&[("t", 1)]));
    }
}
