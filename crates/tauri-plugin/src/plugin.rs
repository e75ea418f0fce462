//! The plugin as an app adds it, and how Rust code reaches its databases.

use crate::commands;
use crate::databases::{Ashore, Databases, Keeping};
use crate::pages::Pages;
use ashore_native::secrets::Secrets;
use std::path::PathBuf;
use std::sync::Arc;
use tauri::plugin::TauriPlugin;
use tauri::{Manager, RunEvent, Runtime, Webview, WindowEvent};

/// The plugin with everything as it is by itself: databases in the app's folder for data, this device's secrets in files beside them.
pub fn init<R: Runtime>() -> TauriPlugin<R> {
    Builder::new().build()
}

/// The plugin, made otherwise.
///
/// ```no_run
/// # fn of<R: tauri::Runtime>() -> tauri::plugin::TauriPlugin<R> {
/// tauri_plugin_ashore::Builder::new().folder("/srv/kiosk").build()
/// # }
/// ```
#[derive(Default)]
pub struct Builder {
    folder: Option<PathBuf>,
    keeping: Keeping,
}

impl Builder {
    /// As [`init`] makes it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Databases lie there, instead of in the folder that the platform has for the app's data.
    #[must_use]
    pub fn folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// This device's secrets are kept there, such as in a `Keychain`.
    #[must_use]
    pub fn secrets_in(self, secrets: Arc<dyn Secrets>) -> Self {
        Self { keeping: Keeping::There(secrets), ..self }
    }

    /// The plugin itself.
    pub fn build<R: Runtime>(self) -> TauriPlugin<R> {
        let Self { folder, keeping } = self;
        tauri::plugin::Builder::new("ashore")
            .invoke_handler(tauri::generate_handler![commands::open, commands::calls, commands::close])
            .setup(move |app, _| {
                if cfg!(panic = "abort") {
                    tracing::warn!(
                        "built with panic = \"abort\": an engine that breaks ends the app, instead of being replaced"
                    );
                }
                let folder = folder.map_or_else(|| app.path().app_local_data_dir(), Ok)?;
                let databases = Arc::new(Databases::new(folder, keeping));
                app.manage(Arc::new(Pages::new(Arc::clone(&databases))));
                app.manage(Ashore::of(Arc::clone(&databases)));
                app.manage(databases);
                Ok(())
            })
            .on_page_load(|webview, _| ask_who_is_shown(webview))
            .on_event(|app, event| match event {
                RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } => {
                    app.state::<Arc<Pages>>().window_gone(label);
                }
                // A window behind another one is no hidden page: its own events may not tell.
                RunEvent::WindowEvent { event: WindowEvent::Focused(true), .. } | RunEvent::Resumed => {
                    app.state::<Arc<Databases>>().resume();
                }
                // What waits is committed before the program ends.
                RunEvent::Exit => tauri::async_runtime::block_on(app.state::<Arc<Databases>>().close_all()),
                _ => {}
            })
            .build()
    }
}

/// Something was loaded: what an earlier document had open is over. Neither event of a loading comes at a moment when it is certain that the new
/// document has opened nothing yet, so the webview is asked which one it shows, by the name that npm's host leaves there.
fn ask_who_is_shown<R: Runtime>(webview: &Webview<R>) {
    let (pages, label) = (Arc::clone(&webview.state::<Arc<Pages>>()), webview.label().to_owned());
    let last = pages.last();
    let answered = move |answer: String| {
        if let Ok(document) = serde_json::from_str::<Option<String>>(&answer) {
            pages.shows(&label, document.as_deref(), last);
        }
    };
    // A webview that cannot be asked is about to be gone.
    let _ = webview.eval_with_callback("globalThis.__ASHORE_DOCUMENT__ ?? null", answered);
}

/// The app's databases, from anything that has the app at hand.
pub trait AshoreExt<R: Runtime> {
    /// The databases that this app's pages open. Panics as Tauri's own `state` does when the plugin was not added.
    fn ashore(&self) -> &Ashore;
}

impl<R: Runtime, T: Manager<R>> AshoreExt<R> for T {
    fn ashore(&self) -> &Ashore {
        self.state::<Ashore>().inner()
    }
}
