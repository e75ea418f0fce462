//! Documents as JSON text, the way they cross to and from a page.
//!
//! Plain JSON, and what JSON lacks as an object with the single key "$ashore": `{"$ashore":["date",ms]}`,
//! `{"$ashore":["bytes","<base64>"]}`, `{"$ashore":["bigint","123"]}`; a map that itself has a key "$ashore" crosses as
//! `{"$ashore":["object",{…}]}`. Numbers are JavaScript's: -0 stays -0, and the text is the shortest that reads back the same.

mod parse;
mod write;

pub use parse::{parse_many, parse_one};
pub use write::{write_json, write_text, write_value};

/// The key that marks what JSON lacks.
const TAG: &str = "$ashore";
