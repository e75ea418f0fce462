//! What never belongs into the repository: one machine's paths, one network's registry hosts.

use crate::failure::{Failure, Outcome};
use crate::sources;

/// In two parts, so that this file passes its own check.
const FORBIDDEN: [(&str, &str); 4] =
    [("/wo", "rk/"), ("/ro", "ot/"), ("arti", "factory"), ("\"resolved\": \"ht", "tp")];

pub(crate) fn check() -> Outcome {
    let mut problems = Vec::new();
    for path in sources::tracked()? {
        let Some(text) = sources::text(&path)? else { continue };
        problems.extend(found(&text).map(|(line, what)| format!("{path}:{line}: {what}")));
    }
    Failure::unless_empty("machine paths or registry hosts in tracked files", &problems)
}

/// The lines (from 1) that hold something forbidden, and what.
fn found(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let patterns = FORBIDDEN.map(|(head, tail)| format!("{head}{tail}"));
    text.lines().enumerate().filter_map(move |(index, line)| {
        let what = patterns.iter().find(|pattern| stands_alone(line, pattern))?;
        Some((index + 1, what.clone()))
    })
}

/// A path counts where it begins: the same words further inside a path are a relative path like any other.
fn stands_alone(line: &str, pattern: &str) -> bool {
    line.match_indices(pattern).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        !pattern.starts_with('/') || !before.is_some_and(|letter| letter.is_alphanumeric() || "._-}$/".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::{FORBIDDEN, found};

    #[test]
    fn a_machine_path_is_found_and_a_relative_one_is_not() {
        let (head, tail) = FORBIDDEN[0];
        let text = format!("fine\nsee {head}{tail}main\na{head}{tail}b\n");
        assert_eq!(found(&text).map(|(line, _)| line).collect::<Vec<_>>(), [2]);
    }
}
