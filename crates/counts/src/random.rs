//! The system's randomness, which is none here.
//!
//! Automerge keeps some of its tables in `std`'s `HashMap`, and std asks libc's `getrandom` where those begin. A program's own
//! function of that name goes before libc's, so tables are alike in every run. The engine itself is seeded by its host.
#![allow(unsafe_code, reason = "the name of a C function, and the memory that it is handed")]

use std::ffi::{c_uint, c_void};

/// Fills the buffer with one and the same byte.
#[unsafe(no_mangle)]
extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: whoever calls getrandom hands over a buffer of that many bytes.
    unsafe { buffer.cast::<u8>().write_bytes(0x2a, length) };
    isize::try_from(length).unwrap_or(isize::MAX)
}
