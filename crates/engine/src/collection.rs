//! What a collection is declared to be: which part of its documents travels to other devices and which stays here.
//!
//! Pure functions over values: [`Declared::split`] tells a document's two parts apart, [`Declared::overlay`] lays them over
//! each other again, and [`Declared::put`] says what becomes of both when an app puts a whole document. What is stored and
//! sent is the machine's business.

mod declared;
mod paths;
mod put;

pub use declared::{Declarations, DeclareError, Declared, MAX_DECLARATIONS, MAX_FIELDS, Travels};
pub use paths::FieldPath;
pub use put::{Held, New};

#[cfg(test)]
mod tests;
