//! Writes the TypeScript types of the API into the folder that is named, and prints the error codes: `cargo xtask gen` runs it.

#[cfg(feature = "export-types")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("where to?")?;
    ashore_engine::api::export_types(std::path::Path::new(&directory))?;
    for (code, retry, meaning) in ashore_engine::api::error_codes() {
        println!("{code}\t{retry}\t{}", meaning.replace('\n', " "));
    }
    Ok(())
}

#[cfg(not(feature = "export-types"))]
fn main() {}
