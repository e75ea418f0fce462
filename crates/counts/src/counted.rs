//! What is counted: callgrind collects from the moment this function is entered until it is left (`--toggle-collect`).

/// Does the work, and has it counted. The name is known to `cargo xtask counts`. Not to be nested: the second entry would end the count.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
}
