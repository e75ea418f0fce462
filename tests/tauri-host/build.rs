//! What Tauri's macros read: the configuration, the permissions of the plugin, the capability.

fn main() {
    tauri_build::build();
}
