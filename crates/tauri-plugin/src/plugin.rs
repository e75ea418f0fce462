//! The plugin as an app adds it, and how Rust code reaches its databases.

use crate::commands;
use crate::databases::{Ashore, Databases, Keeping};
use crate::pages::Pages;
use ashore_native::secrets::Secrets;
use std::path::PathBuf;
use std::sync::Arc;
use tauri::plugin::TauriPlugin;
use tauri::webview::PageLoadEvent;
use tauri::{Manager, RunEvent, Runtime, WindowEvent};

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
                let folder = folder.map_or_else(|| app.path().app_local_data_dir(), Ok)?;
                let databases = Arc::new(Databases::new(folder, keeping));
                app.manage(Arc::new(Pages::new(Arc::clone(&databases))));
                app.manage(Ashore::of(Arc::clone(&databases)));
                app.manage(databases);
                Ok(())
            })
            .on_page_load(|webview, load| {
                if load.event() == PageLoadEvent::Started {
                    // What was shown there before is gone, and whatever it had open.
                    webview.state::<Arc<Pages>>().left(|place| place.webview == webview.label());
                }
            })
            .on_event(|app, event| match event {
                RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } => {
                    app.state::<Arc<Pages>>().left(|place| place.window == *label);
                }
                // What waits is committed before the program ends.
                RunEvent::Exit => tauri::async_runtime::block_on(app.state::<Arc<Databases>>().close_all()),
                _ => {}
            })
            .build()
    }
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
