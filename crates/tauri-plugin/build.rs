//! Checks the permissions and hands them to the build of the app.

fn main() {
    // No command has a permission of its own: see permissions/parts.toml.
    tauri_plugin::Builder::new(&[]).build();
}
