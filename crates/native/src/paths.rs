//! Where an app's databases lie, unless it says otherwise.

use ashore_protocol::hash::hash;
use std::env::home_dir;
use std::path::PathBuf;

/// The folder for an app's data on this platform; `None` where there is no such place (a phone's app is told its own by the system).
///
/// | platform | folder |
/// | --- | --- |
/// | Linux and others | `$XDG_DATA_HOME/IDENTIFIER` or `~/.local/share/IDENTIFIER` |
/// | macOS | `~/Library/Application Support/IDENTIFIER` |
/// | Windows | `%LOCALAPPDATA%\IDENTIFIER` |
///
/// ```
/// let folder = ashore_native::paths::data_folder("org.example.notes").expect("a desktop has one");
/// assert!(folder.ends_with("org.example.notes"));
/// ```
pub fn data_folder(identifier: &str) -> Option<PathBuf> {
    let usable = !identifier.is_empty() && !identifier.contains(['/', '\\', ':', '\0']) && !identifier.starts_with('.');
    usable.then(base)?.map(|base| base.join(identifier))
}

/// The file of a database within its app's folder. Any name will do: what no file system takes is written otherwise, and a long name ends in its hash.
pub fn file_name(database: &str) -> String {
    let mut name = String::new();
    for byte in database.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    if name.len() > MAX_WRITTEN_NAME {
        name.truncate(KEPT_OF_A_LONG_NAME);
        let hash = hash(database.as_bytes());
        let marks: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // No other name holds this sign.
        name.push_str(&format!("~{marks}"));
    }
    format!("{name}.ashore")
}

fn base() -> Option<PathBuf> {
    let from_environment = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(any(target_os = "android", target_os = "ios")) {
        None
    } else if cfg!(windows) {
        from_environment("LOCALAPPDATA").or_else(|| Some(home_dir()?.join("AppData/Local")))
    } else if cfg!(target_os = "macos") {
        Some(home_dir()?.join("Library/Application Support"))
    } else {
        from_environment("XDG_DATA_HOME").or_else(|| Some(home_dir()?.join(".local/share")))
    }
}

/// Longer file names are cut; file systems take 255 bytes, and some of it is for what lies beside the file.
const MAX_WRITTEN_NAME: usize = 180;
/// What is left of a name that is cut, before its hash.
const KEPT_OF_A_LONG_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::{data_folder, file_name};

    #[test]
    fn different_names_are_different_files_also_where_case_does_not_count() {
        assert_eq!(file_name("family"), "family.ashore");
        assert_eq!(file_name("Family"), "%46amily.ashore");
        assert_eq!(file_name("../a b"), "%2e%2e%2fa%20b.ashore");
        assert_eq!(file_name("%46amily"), "%2546amily.ashore");
    }

    #[test]
    fn long_names_are_files_that_a_file_system_takes_and_stay_different() {
        let (one, other) = ("山".repeat(128), format!("{}川", "山".repeat(127)));
        assert!(file_name(&one).len() < 200, "{}", file_name(&one));
        assert_ne!(file_name(&one), file_name(&other));
        assert_eq!(file_name(&"a".repeat(128)), format!("{}.ashore", "a".repeat(128)));
    }

    #[test]
    fn an_identifier_names_one_folder_and_no_way_out_of_it() {
        for bad in ["", "..", ".hidden", "a/b", "a\\b", "c:"] {
            assert_eq!(data_folder(bad), None, "{bad:?}");
        }
    }
}
