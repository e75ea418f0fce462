//! Time as the engine knows it: an argument, never a clock.

/// Milliseconds since 1970-01-01T00:00:00Z, as the host's clock tells them. Clocks jump; nothing here relies on order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This time and so many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}
