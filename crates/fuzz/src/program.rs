//! Bytes read as a sequence of choices. When they have ended every choice is the first one, so that any bytes are a program.

/// What is left of the bytes.
#[derive(Debug, Clone)]
pub struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    /// The program that these bytes are.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; 0 at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of so many, at most 65,536.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = bound > 256;
        let high = if wide { usize::from(self.byte()) << 8 } else { 0 };
        (high | usize::from(self.byte())) % bound.max(1)
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Any number, small ones more often.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=199 => u64::from(small),
            200..=229 => self.below(65_536) as u64,
            230..=249 => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
            edge => u64::MAX >> (u32::from(edge - 250) * 10),
        }
    }

    /// So many bytes as the next two say, or as are left.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.below(65_536).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Changes a few bytes as the program says: overwrites, cuts, doubles or inserts.
pub fn damage(program: &mut Program<'_>, bytes: &mut Vec<u8>) {
    for _ in 0..=program.below(4) {
        let at = program.below(65_536) % (bytes.len() + 1);
        match program.below(5) {
            0 | 1 if at < bytes.len() => bytes[at] = program.byte(),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + program.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let new = program.bytes().to_vec();
                let end = (at + program.below(16)).min(bytes.len());
                bytes.splice(at..end, new);
            }
        }
    }
}
