//! Documents as JSON text.

use proptest::prelude::*;

use super::arbitrary;
use crate::document::{DocumentError, Value, json};

fn text(value: &Value) -> (String, bool) {
    let mut out = String::new();
    let tagged = json::write_value(value, &mut out).unwrap();
    (out, tagged)
}

proptest! {
    #[test]
    fn a_document_comes_back_from_its_text(value in arbitrary::document()) {
        prop_assert_eq!(json::parse_one(&text(&value).0), Ok(value));
    }

    #[test]
    fn an_untagged_text_is_the_same_json_to_everybody(value in arbitrary::document()) {
        let (text, tagged) = text(&value);
        let plain: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(tagged, text.contains("{\"$ashore\":"));
        if !tagged {
            prop_assert_eq!(json::parse_one(&plain.to_string()), Ok(value));
        }
    }

    #[test]
    fn many_documents_cross_as_one_text(values in proptest::collection::vec(arbitrary::document(), 0..5)) {
        let texts: Vec<_> = values.iter().map(|value| text(value).0).collect();
        prop_assert_eq!(json::parse_many(&format!("[{}]", texts.join(","))), Ok(values));
    }

    #[test]
    fn other_text_never_panics(text in "[\\[\\]{}\",:$ashore0-9.e -]{0,60}", value in arbitrary::document(), cut in any::<prop::sample::Index>()) {
        let _ = json::parse_one(&text);
        let whole = self::text(&value).0;
        let cut: String = whole.chars().take(cut.index(whole.len())).collect();
        prop_assert!(cut == whole || json::parse_one(&cut).is_err());
    }

    #[test]
    fn random_bytes_are_no_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut out = String::new();
        prop_assert_eq!(json::write_json(&bytes, &mut out).is_ok(), Value::decode(&bytes).is_ok() );
    }
}

#[test]
fn numbers_are_javascripts() {
    for (text, value) in [
        ("0", Value::Uint(0)),
        ("-0", Value::F64(-0.0)),
        ("-0.0", Value::F64(-0.0)),
        ("5.0", Value::Uint(5)),
        ("1e3", Value::Uint(1_000)),
        ("-7", Value::F64(-7.0)),
        ("0.1", Value::F64(0.1)),
        ("9007199254740991", Value::Uint(9_007_199_254_740_991)),
        ("9007199254740992", Value::F64(9_007_199_254_740_992.0)),
        ("18446744073709551615", Value::F64(18_446_744_073_709_551_616.0)),
        ("123456789012345678901234567890", Value::F64(1.234_567_890_123_456_8e29)),
        ("5e-324", Value::F64(5e-324)),
        ("1.7976931348623157e308", Value::F64(f64::MAX)),
    ] {
        let Value::Map(map) = json::parse_one(&format!("{{\"n\":{text}}}")).unwrap() else { panic!() };
        assert_eq!(map["n"], value, "{text}");
    }
    assert!(json::parse_one("{\"n\":1e309}").is_err());
    assert_eq!(text(&Value::F64(-0.0)).0, "-0.0");
    assert_eq!(text(&Value::F64(1e300)).0, "1e300");
}

#[test]
fn what_json_lacks_is_tagged() {
    let document = r#"{"a":{"$ashore":["date",-5]},"b":{"$ashore":["bytes","AQI="]},"c":{"$ashore":["bigint","-9"]},"d":{"$ashore":["bigint","18446744073709551615"]},"e":{"$ashore":["object",{"$ashore":["bigint","1"],"x":{"$ashore":["date",1]}}]}}"#;
    let Value::Map(map) = json::parse_one(document).unwrap() else { panic!() };
    assert_eq!(map["a"], Value::Date(-5));
    assert_eq!(map["b"], Value::Bytes(vec![1, 2]));
    assert_eq!(map["c"], Value::Int(-9));
    assert_eq!(map["d"], Value::Uint(u64::MAX));
    let own = Value::List(vec![Value::String("bigint".into()), Value::String("1".into())]);
    assert_eq!(map["e"], Value::Map([("$ashore".into(), own), ("x".into(), Value::Date(1))].into()));
    assert_eq!(text(&Value::Map(map)), (document.to_owned(), true));
}

#[test]
fn counters_and_collaborative_texts_are_tagged() {
    let document = r#"{"a":{"$ashore":["counter",-5]},"b":{"$ashore":["counter","9007199254740993"]},"c":{"$ashore":["text","Zürich \"🏖\""]}}"#;
    let Value::Map(map) = json::parse_one(document).unwrap() else { panic!() };
    assert_eq!(map["a"], Value::Counter(-5));
    assert_eq!(map["b"], Value::Counter(9_007_199_254_740_993));
    assert_eq!(map["c"], Value::Text("Zürich \"🏖\"".into()));
    assert_eq!(text(&Value::Map(map)), (document.to_owned(), true));
}

#[test]
fn a_document_may_have_the_tag_key_itself() {
    let text = r#"{"$ashore":["object",{"$ashore":1}]}"#;
    let value = json::parse_one(text).unwrap();
    assert_eq!(value, Value::Map([("$ashore".into(), Value::Uint(1))].into()));
    assert_eq!(self::text(&value), (text.to_owned(), true));
}

#[test]
fn a_wrong_tag_is_refused_with_its_path() {
    for bad in [
        r#"{"$ashore":1}"#,
        r#"{"$ashore":[]}"#,
        r#"{"$ashore":["date"]}"#,
        r#"{"$ashore":["date",1.5]}"#,
        r#"{"$ashore":["date",null]}"#,
        r#"{"$ashore":["date",1,2]}"#,
        r#"{"$ashore":["bytes","?"]}"#,
        r#"{"$ashore":["bigint","1.5"]}"#,
        r#"{"$ashore":["counter",1.5]}"#,
        r#"{"$ashore":["counter","x"]}"#,
        r#"{"$ashore":["counter",9007199254740993000]}"#,
        r#"{"$ashore":["text",1]}"#,
        r#"{"$ashore":["text"]}"#,
        r#"{"$ashore":["bigint","18446744073709551616"]}"#,
        r#"{"$ashore":["number","NaN"]}"#,
        r#"{"$ashore":["object",[]]}"#,
        r#"{"$ashore":["date",1],"x":1}"#,
        r#"{"x":1,"$ashore":["date",1]}"#,
    ] {
        let error = json::parse_one(&format!(r#"{{"list":[null,{{"k":{bad}}}]}}"#));
        assert!(
            matches!(&error, Err(DocumentError::NotSerializable { path, .. }) if path == ".list[1].k"),
            "{bad}: {error:?}"
        );
    }
}

#[test]
fn the_path_of_many_begins_with_the_documents_place() {
    let error = json::parse_many(r#"[{},{"a":{"$ashore":0}}]"#);
    assert!(matches!(&error, Err(DocumentError::NotSerializable { path, .. }) if path == "[1].a"), "{error:?}");
    let error = json::parse_many(r#"[{},5]"#);
    assert!(matches!(&error, Err(DocumentError::NotSerializable { path, .. }) if path == "[1]"), "{error:?}");
    assert!(json::parse_many("{}").is_err());
}

#[test]
fn text_that_is_too_deep_is_refused() {
    let nested = |levels: usize| format!("{{\"k\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(json::parse_one(&nested(100)).is_ok());
    assert!(json::parse_many(&format!("[{}]", nested(100))).is_ok());
    for levels in [101, 128, 5_000] {
        assert!(matches!(json::parse_one(&nested(levels)), Err(DocumentError::NotSerializable { .. })), "{levels}");
    }
    assert!(matches!(json::parse_one("{"), Err(DocumentError::NotJson(_))));
    assert!(matches!(json::parse_one("{} {}"), Err(DocumentError::NotJson(_))));
}

#[test]
fn a_later_field_of_the_same_name_wins_as_in_javascript() {
    assert_eq!(json::parse_one(r#"{"a":1,"a":2}"#), json::parse_one(r#"{"a":2}"#));
}
