//! Values and their bytes.

use proptest::prelude::*;

use super::arbitrary;
use crate::document::value::{DecodeValueError, MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_KEY_BYTES};
use crate::document::{DocumentError, Value};

proptest! {
    #[test]
    fn a_value_comes_back_from_its_bytes(value in arbitrary::document()) {
        prop_assert_eq!(Value::decode(&value.encode().unwrap()), Ok(value));
    }

    #[test]
    fn equal_values_have_equal_bytes(a in arbitrary::small_document(), b in arbitrary::small_document()) {
        prop_assert_eq!(a == b, a.encode().unwrap() == b.encode().unwrap());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Value::decode(&bytes);
    }

    #[test]
    fn cut_or_changed_bytes_never_panic(value in arbitrary::document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = value.encode().unwrap();
        let at = at.index(bytes.len());
        prop_assert!(Value::decode(&bytes[..at]).is_err());
        bytes[at] = byte;
        let _ = Value::decode(&bytes);
    }
}

#[test]
fn minus_zero_is_another_number_than_zero() {
    assert_ne!(Value::number(-0.0), Value::number(0.0));
    assert_eq!(Value::number(9_007_199_254_740_992.0), Some(Value::F64(9_007_199_254_740_992.0)));
    assert_eq!(Value::number(-5.0), Some(Value::F64(-5.0)));
    assert_eq!(Value::unsigned(1 << 60), Value::Int(1 << 60));
    assert_eq!(Value::unsigned(1 << 63), Value::Uint(1 << 63));
}

#[test]
fn a_document_is_an_object() {
    assert!(matches!(Value::List(vec![]).encode(), Err(DocumentError::NotSerializable { .. })));
}

#[test]
fn what_cannot_be_stored_is_named_by_its_path() {
    let document = |value| Value::Map([("list".to_owned(), Value::List(vec![Value::Null, value]))].into());
    for value in [Value::F64(f64::NAN), Value::F64(5.0), Value::Uint(1 << 60)] {
        let Err(DocumentError::NotSerializable { path, .. }) = document(value).encode() else { panic!() };
        assert_eq!(path, ".list[1]");
    }
    let key = document(Value::Map([("k".repeat(MAX_KEY_BYTES + 1), Value::Null)].into()));
    assert!(matches!(key.encode(), Err(DocumentError::NotSerializable { path, .. }) if path == ".list[1]"));
}

#[test]
fn depth_and_size_have_limits() {
    let nested =
        |levels: usize| (1..levels).fold(Value::empty(), |inner, _| Value::Map([("k".to_owned(), inner)].into()));
    let deepest = nested(MAX_DEPTH).encode().unwrap();
    assert_eq!(Value::decode(&deepest), Ok(nested(MAX_DEPTH)));
    assert!(matches!(nested(MAX_DEPTH + 1).encode(), Err(DocumentError::NotSerializable { .. })));
    assert_eq!(Value::decode(&[vec![0x81; MAX_DEPTH + 1], vec![0xf6]].concat()), Err(DecodeValueError::TooDeep));
    assert_eq!(Value::decode(&[0x81; 1_000_000]), Err(DecodeValueError::TooDeep));

    let large = Value::Map([("k".to_owned(), Value::Bytes(vec![0; MAX_DOCUMENT_BYTES]))].into());
    assert!(matches!(large.encode(), Err(DocumentError::TooLarge { max: MAX_DOCUMENT_BYTES, .. })));
}

#[test]
fn keys_out_of_order_are_no_value() {
    assert!(Value::decode(&[0xa2, 0x61, b'a', 0xf6, 0x61, b'b', 0xf6]).is_ok());
    for bytes in [[0xa2, 0x61, b'b', 0xf6, 0x61, b'a', 0xf6], [0xa2, 0x61, b'a', 0xf6, 0x61, b'a', 0xf6]] {
        assert_eq!(Value::decode(&bytes), Err(DecodeValueError::Malformed));
    }
}
