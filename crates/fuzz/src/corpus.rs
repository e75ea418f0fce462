//! The committed inputs: `corpus/<target>.txt`, one input a line in base64url. One file for each target, since a thousand small ones say no more.

use data_encoding::BASE64URL_NOPAD;
use std::io;
use std::path::{Path, PathBuf};

fn file(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{target}.txt"))
}

/// The committed inputs of a target; none when there is no file.
pub fn read(target: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(file(target)).unwrap_or_default();
    text.lines().map(|line| BASE64URL_NOPAD.decode(line.as_bytes()).expect("every line is an input")).collect()
}

/// Writes the seeds and the committed inputs into a folder, as libFuzzer takes them; how many.
pub fn unpack(target: &str, folder: &Path) -> io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let inputs = [crate::seeds::of(target), read(target)].concat();
    for input in &inputs {
        std::fs::write(folder.join(blake3::hash(input).to_hex().as_str()), input)?;
    }
    Ok(inputs.len())
}

/// Takes the inputs in a folder into the committed file, the smallest first and no more than so many bytes; how many.
pub fn pack(target: &str, folder: &Path, max_bytes: usize) -> io::Result<usize> {
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        inputs.push(std::fs::read(entry?.path())?);
    }
    let seeds = crate::seeds::of(target);
    inputs.retain(|input| !seeds.contains(input));
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let (mut lines, mut count) = (String::new(), 0);
    for input in inputs {
        let line = BASE64URL_NOPAD.encode(&input);
        if lines.len() + line.len() >= max_bytes {
            break;
        }
        lines.push_str(&line);
        lines.push('\n');
        count += 1;
    }
    std::fs::write(file(target), lines)?;
    Ok(count)
}
