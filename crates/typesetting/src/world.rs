//! All that a template can see: itself, its data, the built-in fonts and the moment handed in.

use std::sync::LazyLock;

use typst::diag::{FileError, FileResult, PackageError};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

/// What does not change from one document to the next, loaded once a process.
struct Workshop {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: FileId,
    data: FileId,
}

/// File ids are few and never freed by typst, so both are made here and only here.
static WORKSHOP: LazyLock<Workshop> = LazyLock::new(|| {
    let fonts: Vec<Font> = typst_assets::fonts().flat_map(|data| Font::iter(Bytes::new(data))).collect();
    let file =
        |name| VirtualPath::new(name).map(|path| FileId::new(RootedPath::new(VirtualRoot::Project, path)));
    Workshop {
        library: LazyHash::new(Library::default()),
        book: LazyHash::new(FontBook::from_fonts(&fonts)),
        fonts,
        template: file("template.typ").expect("a plain file name is a valid path"),
        data: file("data.json").expect("a plain file name is a valid path"),
    }
});

/// Whether one of the built-in fonts has a glyph for that sign.
pub(crate) fn is_printable(sign: char) -> bool {
    WORKSHOP.fonts.iter().any(|font| font.info().coverage.contains(u32::from(sign)))
}

/// One document on the desk.
pub(crate) struct Desk {
    source: Source,
    data: Bytes,
    today: Datetime,
}

impl Desk {
    pub(crate) fn new(template: &str, data: &[u8], today: Datetime) -> Self {
        Self {
            source: Source::new(WORKSHOP.template, template.to_owned()),
            data: Bytes::new(data.to_vec()),
            today,
        }
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &WORKSHOP.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &WORKSHOP.book
    }

    fn main(&self) -> FileId {
        WORKSHOP.template
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == WORKSHOP.template { Ok(self.source.clone()) } else { Err(absent(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == WORKSHOP.data { Ok(self.data.clone()) } else { Err(absent(id)) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        WORKSHOP.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        Some(self.today)
    }
}

fn absent(id: FileId) -> FileError {
    match id.get().root() {
        VirtualRoot::Package(package) => FileError::Package(PackageError::NotFound(package.clone())),
        VirtualRoot::Project => FileError::NotFound(id.get().vpath().get_without_slash().into()),
    }
}
