//! `$regex`: patterns that run in time linear in the text, whatever they are.

use regex_lite::{Regex, RegexBuilder};

use super::{MAX_COMPILED_PATTERN_BYTES, MAX_PATTERN_BYTES};

/// A compiled `$regex` with its `$options`.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    prefix: String,
}

/// Which part of the operand is wrong, and why.
pub(super) enum PatternError {
    Pattern(String),
    Options(&'static str),
}

impl Pattern {
    pub(super) fn parse(pattern: &str, options: &str) -> Result<Self, PatternError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::Pattern("the pattern takes more than 1,024 bytes".to_owned()));
        }
        if let Some(reason) = refused(options) {
            return Err(PatternError::Options(reason));
        }
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(options.contains('i'))
            .multi_line(options.contains('m'))
            .dot_matches_new_line(options.contains('s'))
            .ignore_whitespace(options.contains('x'))
            .size_limit(MAX_COMPILED_PATTERN_BYTES)
            .build()
            .map_err(|error| PatternError::Pattern(format!("the pattern cannot be used: {error}")))?;
        let plain = !options.contains(['i', 'm', 'x']);
        Ok(Self { regex, prefix: if plain { literal_prefix(pattern) } else { String::new() } })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// What every text that matches begins with; often empty.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

fn refused(options: &str) -> Option<&'static str> {
    if options.chars().any(|option| !"imsx".contains(option)) {
        return Some("the options are i, m, s and x");
    }
    let twice = options.len() > 4 || "imsx".chars().any(|option| options.matches(option).count() > 1);
    twice.then_some("an option stands twice")
}

/// The plain characters behind a leading `^`. Anything that is not surely plain ends them.
fn literal_prefix(pattern: &str) -> String {
    let mut prefix = String::new();
    let Some(rest) = pattern.strip_prefix('^') else { return prefix };
    // An alternative need not begin with what the first one begins with.
    if rest.contains('|') {
        return prefix;
    }
    let mut rest = rest.chars().peekable();
    while let Some(character) = rest.next() {
        let plain = match character {
            // Not every escaped mark is itself: `\<` is where a word begins.
            '\\' => rest.next().filter(|escaped| r"\.+*?()[]{}^$#&-~/".contains(*escaped)),
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' => None,
            character => Some(character),
        };
        let Some(plain) = plain else { break };
        match rest.peek() {
            Some('*' | '?' | '{') => break,
            _ => prefix.push(plain),
        }
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::literal_prefix;

    #[test]
    fn the_prefix_ends_where_the_pattern_is_not_surely_plain() {
        let cases = [
            ("^abc", "abc"),
            ("^ab*c", "a"),
            ("^ab+c", "ab"),
            ("^ab?c", "a"),
            ("^ab{0,2}", "a"),
            (r"^a\.b", "a.b"),
            (r"^a\db", "a"),
            (r"^a\<b", "a"),
            ("^a|b", ""),
            ("^(?i)ab", ""),
            ("^ü.", "ü"),
            ("abc", ""),
            ("^", ""),
            (r"^\", ""),
        ];
        for (pattern, prefix) in cases {
            assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
        }
    }
}
