//! A store that holds the shipped definitions, made once for all tests of a run and copied for each.

use std::path::Path;

use tokio::sync::OnceCell;
use vigie::interaction;

use super::app::App;
use super::example::profiles;

static LOADED: OnceCell<Vec<u8>> = OnceCell::const_new();

/// Puts the copy there.
pub(super) async fn copy_to(path: &Path) {
    let bytes = LOADED.get_or_init(|| async {
        let app = App::bare();
        interaction::load(&app.context, profiles()).await.expect("the shipped definitions load");
        app.into_file()
    });
    std::fs::write(path, bytes.await).expect("a copy of the store");
}
