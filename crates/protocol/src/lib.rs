//! What crosses the wire, and the rules both ends share. No cipher: a relay built on this crate cannot decrypt.
