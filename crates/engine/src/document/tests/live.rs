//! Texts edited as they are typed: splices at versions, what they become, cursors, marks, and strings that become texts.

use proptest::prelude::*;

use super::replica::{Replica, value};
use crate::document::edit::{Expand, TextEdit, TextError, TextMark};
use crate::document::text::Splice;
use crate::document::{TextPath, Value, Version};

fn path(text: &str) -> TextPath {
    TextPath::parse(text).unwrap()
}

fn splice(at: usize, delete: usize, insert: &str) -> TextEdit {
    TextEdit::Splice(Splice { at, delete, insert: insert.to_owned() })
}

fn bold(start: usize, end: usize) -> TextEdit {
    TextEdit::Mark { start, end, name: "bold".into(), value: Value::Bool(true), expand: Expand::After }
}

fn with(text: &str) -> Replica {
    Replica::with(1, &format!(r#"{{"title":"Milk","body":{{"$ashore":["text",{text:?}]}}}}"#))
}

/// One editor's view: the text it shows and the version that it is at.
#[derive(Clone)]
struct View {
    text: String,
    version: Version,
    path: TextPath,
}

impl View {
    fn of(replica: &Replica, at: &str) -> Self {
        let text = replica.live().text(&path(at)).unwrap();
        Self { text, version: replica.version(), path: path(at) }
    }

    fn edit(&mut self, replica: &mut Replica, edits: &[TextEdit]) {
        let (version, path) = replica.edit_text(&self.version, &self.path, edits).unwrap();
        for edit in edits {
            match edit {
                TextEdit::Splice(splice) => splice.apply(&mut self.text).unwrap(),
                TextEdit::Update(text) => self.text = text.clone(),
                TextEdit::Mark { .. } => {}
            }
        }
        (self.version, self.path) = (version, path);
    }

    fn splice(&mut self, replica: &mut Replica, at: usize, delete: usize, insert: &str) {
        self.edit(replica, &[splice(at, delete, insert)]);
    }

    /// Takes over what others did, as splices.
    fn catch_up(&mut self, replica: &Replica) -> Vec<Splice> {
        let changes = replica.live().changes(&self.path, &self.version).unwrap();
        for splice in &changes.splices {
            splice.apply(&mut self.text).unwrap();
        }
        self.version = replica.version();
        self.path = changes.path;
        assert_eq!(self.text, replica.live().text(&self.path).unwrap());
        changes.splices
    }
}

#[test]
fn two_editors_that_type_at_once_end_with_the_same_text() {
    let mut alice = with("milk and bread");
    let mut bob = alice.fork(2);
    let (mut at_alice, mut at_bob) = (View::of(&alice, "body"), View::of(&bob, "body"));
    at_alice.splice(&mut alice, 0, 0, "oat ");
    at_alice.splice(&mut alice, 4, 1, "M");
    at_bob.splice(&mut bob, 14, 0, " 🍞");
    at_bob.splice(&mut bob, 17, 0, "!");
    alice.exchange(&mut bob);
    assert_eq!(at_alice.catch_up(&alice), [Splice { at: 18, delete: 0, insert: " 🍞!".into() }]);
    at_bob.catch_up(&bob);
    assert_eq!((at_alice.text.as_str(), at_bob.text.as_str()), ("oat Milk and bread 🍞!", "oat Milk and bread 🍞!"));
    assert_eq!(at_alice.catch_up(&alice), []);
}

#[test]
fn an_edit_is_made_at_the_version_that_the_editor_shows() {
    let mut alice = with("one two");
    let mut stale = View::of(&alice, "body");
    let mut other = View::of(&alice, "body");
    other.splice(&mut alice, 0, 0, "zero ");
    stale.splice(&mut alice, 7, 0, " three");
    stale.splice(&mut alice, 13, 0, " four");
    assert_eq!(stale.text, "one two three four", "its own view has not moved");
    assert_eq!(View::of(&alice, "body").text, "zero one two three four");
    assert_eq!(stale.catch_up(&alice), [Splice { at: 0, delete: 0, insert: "zero ".into() }]);
    other.catch_up(&alice);
    assert_eq!(other.text, stale.text);
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    let mut alice = with("a🏖b");
    let version = alice.version();
    let refused = [splice(5, 0, "x"), splice(2, 0, "x"), splice(0, 2, ""), splice(4, 1, ""), splice(usize::MAX, 1, "")];
    for edit in refused {
        let error = alice.edit_text(&version, &path("body"), &[splice(0, 0, ""), edit.clone()]).unwrap_err();
        assert!(matches!(error, TextError::OutOfRange(_)), "{edit:?} {error:?}");
    }
    for (start, end) in [(0, 0), (1, 2), (2, 3), (0, 6), (3, 1)] {
        let error = alice.edit_text(&version, &path("body"), &[bold(start, end)]).unwrap_err();
        assert!(matches!(error, TextError::OutOfRange(_)), "{start} {end} {error:?}");
    }
    for at in ["title.x", "nowhere.body", "body.0", "0"] {
        let result = alice.edit_text(&version, &path(at), &[splice(0, 0, "x")]);
        if at != "0" {
            assert_eq!(result.unwrap_err(), TextError::Missing, "{at}");
        }
    }
    assert_eq!(View::of(&alice, "body").text, "a🏖b");
    assert!(alice.edit_text(&Version::parse("AAECAwQFBgc").unwrap(), &path("body"), &[]).is_err());
}

#[test]
fn a_whole_new_text_is_its_difference() {
    let mut alice = with("milk and bread");
    let mut bob = alice.fork(2);
    let (mut at_alice, mut at_bob) = (View::of(&alice, "body"), View::of(&bob, "body"));
    at_alice.edit(&mut alice, &[TextEdit::Update("oat milk and bread".into()), splice(0, 1, "O")]);
    at_bob.edit(&mut bob, &[TextEdit::Update("milk and butter".into())]);
    alice.exchange(&mut bob);
    at_alice.catch_up(&alice);
    assert_eq!(at_alice.text, "Oat milk and butter");
}

#[test]
fn a_string_that_two_devices_make_a_text_of_at_once_becomes_one_text() {
    let mut alice = Replica::with(1, r#"{"title":"Milk","body":"milk"}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"title":"Other","body":"milk"}"#);
    let (mut at_alice, mut at_bob) = (View::of(&alice, "body"), View::of(&bob, "body"));
    at_alice.splice(&mut alice, 0, 0, "oat ");
    at_alice.splice(&mut alice, 8, 0, "!");
    at_bob.splice(&mut bob, 4, 0, " and bread");
    alice.exchange(&mut bob);
    at_alice.catch_up(&alice);
    at_bob.catch_up(&bob);
    assert_eq!(at_alice.text, at_bob.text);
    assert!(at_alice.text.starts_with("oat milk") && at_alice.text.contains(" and bread"), "{}", at_alice.text);
    assert_eq!(at_alice.text.chars().count(), "oat milk! and bread".chars().count());
    let mut carol = Replica::with(3, "{}");
    for change in alice.sent.iter().chain(&bob.sent) {
        let _ = carol.try_merge(change);
    }
}

#[test]
fn who_shows_the_string_still_edits_the_text_that_another_made_of_it() {
    let mut alice = Replica::with(1, r#"{"body":"milk"}"#);
    let mut stale = View::of(&alice, "body");
    let mut first = View::of(&alice, "body");
    first.splice(&mut alice, 4, 0, "!");
    stale.splice(&mut alice, 0, 0, "oat ");
    assert_eq!(stale.text, "oat milk");
    stale.catch_up(&alice);
    assert_eq!(stale.text, "oat milk!");
}

#[test]
fn a_field_that_is_missing_or_null_becomes_one_text_for_all() {
    for before in ["{}", r#"{"body":null}"#, r#"{"m":{}}"#] {
        let at = if before.contains('m') { "m.body" } else { "body" };
        let mut alice = Replica::with(1, before);
        let mut bob = alice.fork(2);
        let (mut at_alice, mut at_bob) = (View::of(&alice, at), View::of(&bob, at));
        at_alice.splice(&mut alice, 0, 0, "one");
        at_bob.splice(&mut bob, 0, 0, "two");
        alice.exchange(&mut bob);
        at_alice.catch_up(&alice);
        assert!(["onetwo", "twoone"].contains(&at_alice.text.as_str()), "{before} {}", at_alice.text);
    }
}

#[test]
fn a_text_that_was_replaced_is_not_written_into_again() {
    let mut alice = Replica::with(1, r#"{"body":"milk"}"#);
    let mut view = View::of(&alice, "body");
    view.splice(&mut alice, 0, 0, "oat ");
    alice.put(r#"{"body":"bread"}"#);
    view.catch_up(&alice);
    assert_eq!(view.text, "bread");
    view.splice(&mut alice, 5, 0, "!");
    assert_eq!(View::of(&alice, "body").text, "bread!");
    alice.put(r#"{}"#);
    let mut again = View::of(&alice, "body");
    assert_eq!(again.text, "");
    again.splice(&mut alice, 0, 0, "new");
    assert_eq!(View::of(&alice, "body").text, "new");
    alice.put(r#"{}"#);
    let mut third = View::of(&alice, "body");
    third.splice(&mut alice, 0, 0, "newer");
    assert_eq!(View::of(&alice, "body").text, "newer");
    assert_eq!(alice.fork(5).state(), alice.state());
}

#[test]
fn a_text_in_a_list_is_followed_where_it_goes() {
    let list = |items: &[&str]| {
        let texts: Vec<_> = items.iter().map(|text| format!(r#"{{"$ashore":["text","{text}"]}}"#)).collect();
        format!(r#"{{"l":[{}]}}"#, texts.join(","))
    };
    let mut alice = Replica::with(1, &list(&["one", "two"]));
    let mut view = View::of(&alice, "l.1");
    alice.put(&list(&["zero", "one", "two"]));
    view.splice(&mut alice, 3, 0, "!");
    assert_eq!(view.path, path("l.1"), "the view has not moved yet");
    view.catch_up(&alice);
    assert_eq!(view.path, path("l.2"));
    assert_eq!(alice.text(), list(&["zero", "one", "two!"]));
    alice.put(&list(&["two!"]));
    view.catch_up(&alice);
    assert_eq!((view.path.clone(), view.text.as_str()), (path("l.0"), "two!"));
}

#[test]
fn an_edit_keeps_a_document_that_another_deleted_and_nobody_edits_what_is_gone() {
    let mut alice = with("milk");
    let mut view = View::of(&alice, "body");
    alice.delete();
    assert_eq!(alice.live().text(&path("body")), Err(TextError::Missing));
    assert_eq!(alice.live().changes(&path("body"), &view.version), Err(TextError::Missing));
    assert_eq!(alice.edit_text(&alice.version(), &path("body"), &[splice(0, 0, "x")]).unwrap_err(), TextError::Missing);
    view.splice(&mut alice, 4, 0, "!");
    assert_eq!(alice.text(), r#"{"body":{"$ashore":["text","milk!"]},"title":"Milk"}"#);
    assert_eq!(alice.fork(2).state(), alice.state());
}

#[test]
fn cursors_stay_with_their_neighbours() {
    let mut alice = with("one two three");
    let mut view = View::of(&alice, "body");
    let cursor = |replica: &Replica, view: &View, at| replica.live().cursor(&view.path, &view.version, at).unwrap();
    let (two, end) = (cursor(&alice, &view, 4), cursor(&alice, &view, 13));
    let mut bob = alice.fork(2);
    let mut at_bob = View::of(&bob, "body");
    at_bob.splice(&mut bob, 0, 3, "zero and one");
    at_bob.splice(&mut bob, 22, 0, " four");
    alice.exchange(&mut bob);
    let position = |view: &View, cursor: &str| alice.live().position(&view.path, &view.version, cursor);
    assert_eq!(position(&view, &two), Ok(4), "the view has not moved yet");
    view.catch_up(&alice);
    assert_eq!(position(&view, &two), Ok(13));
    assert_eq!(position(&view, &end), Ok(view.text.len()));
    for wrong in ["", "é@00", "x", "-", "5@00", "--@", "s@", "99999999999999999999@00", &"1".repeat(1_000)] {
        assert_eq!(position(&view, wrong), Err(TextError::UnknownCursor), "{wrong}");
    }
    assert!(alice.live().cursor(&view.path, &view.version, view.text.len() + 1).is_err());
}

#[test]
fn marks_are_told_and_survive_edits_and_puts() {
    let mut alice = with("one two three");
    let mut bob = alice.fork(2);
    let mut view = View::of(&alice, "body");
    let link = TextEdit::Mark {
        start: 8,
        end: 13,
        name: "link".into(),
        value: Value::String("/3".into()),
        expand: Expand::None,
    };
    view.edit(&mut alice, &[bold(0, 3), link]);
    let mut at_bob = View::of(&bob, "body");
    at_bob.splice(&mut bob, 1, 0, "XX");
    alice.exchange(&mut bob);
    at_bob.catch_up(&bob);
    let marks = bob.live().marks(&at_bob.path, &at_bob.version).unwrap();
    let mark = |start, end, name: &str, value| TextMark { start, end, name: name.into(), value };
    let link = mark(10, 15, "link", Value::String("/3".into()));
    assert_eq!(marks, [mark(0, 5, "bold", Value::Bool(true)), link.clone()]);
    at_bob.edit(
        &mut bob,
        &[TextEdit::Mark { start: 0, end: 2, name: "bold".into(), value: Value::Null, expand: Expand::None }],
    );
    assert_eq!(bob.live().marks(&at_bob.path, &at_bob.version).unwrap(), [mark(2, 5, "bold", Value::Bool(true)), link]);
    alice.exchange(&mut bob);
    let changes = alice.live().changes(&view.path, &view.version).unwrap();
    assert!(changes.marks);
    for name in [String::new(), "n".repeat(300)] {
        let wrong = TextEdit::Mark { start: 0, end: 1, name, value: Value::Null, expand: Expand::None };
        assert_eq!(alice.edit_text(&view.version, &view.path, &[wrong]).unwrap_err(), TextError::InvalidMark);
    }
    let list = TextEdit::Mark { start: 0, end: 1, name: "m".into(), value: Value::List(vec![]), expand: Expand::None };
    assert_eq!(alice.edit_text(&view.version, &view.path, &[list]).unwrap_err(), TextError::InvalidMark);
}

#[test]
fn the_text_made_of_a_string_has_the_bytes_it_always_had() {
    let mut alice = Replica::with(1, r#"{"body":"milk"}"#);
    let mut view = View::of(&alice, "body");
    view.splice(&mut alice, 0, 0, "x");
    let sent = alice.sent.last().unwrap();
    let made = crate::document::chunk::split(sent).unwrap()[0].bytes.to_vec();
    let hex = data_encoding::HEXLOWER.encode(&made);
    assert_eq!(
        hex,
        include_str!("../../../testdata/document/text-of-a-string.hex").trim(),
        "two versions of Ashore would make two texts: see `maker`"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    /// Editors on two devices type, delete, exchange and catch up in any order: no view ever differs from its document, and both end alike.
    #[test]
    fn every_view_is_its_document(steps in proptest::collection::vec((0_usize..2, 0_usize..30, 0_usize..4, "[a-z🏖]{0,3}", 0_u8..5), 1..30)) {
        let alice = with("start");
        let bob = alice.fork(2);
        let views = [View::of(&alice, "body"), View::of(&bob, "body")];
        let (mut devices, mut views) = ([alice, bob], views);
        for (who, at, delete, insert, then) in steps {
            let (device, view) = (&mut devices[who], &mut views[who]);
            let boundaries: Vec<usize> = view.text.char_indices().map(|(byte, _)| view.text[..byte].encode_utf16().count()).chain([view.text.encode_utf16().count()]).collect();
            let start = at % boundaries.len();
            let end = (start + delete).min(boundaries.len() - 1);
            view.splice(device, boundaries[start], boundaries[end] - boundaries[start], &insert);
            match then {
                0 => { let [alice, bob] = &mut devices; alice.exchange(bob); }
                1 => { view.catch_up(device); }
                2 => { let text = format!("{}.", View::of(device, "body").text); device.put_value(None, &Value::Map([("body".to_owned(), Value::Text(text))].into())).unwrap(); }
                _ => {}
            }
        }
        let [alice, bob] = &mut devices;
        alice.exchange(bob);
        for (view, device) in views.iter_mut().zip(&devices) {
            view.catch_up(device);
        }
        prop_assert_eq!(&views[0].text, &views[1].text);
        let _ = value("{}");
    }
}
