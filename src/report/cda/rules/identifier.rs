//! Ids of the document, of its versions, and its templates.

use super::{Faults, is_oid};
use crate::report::cda::TEMPLATES;
use crate::report::cda::element::find;
use crate::xml::Element;

pub(crate) fn identifiers(root: &Element, faults: &mut Faults) {
    for (name, what) in [
        ("id", "the id is one whole OID in root, without extension: the DMP refuses one"),
        ("setId", "the set has one whole OID in root, without extension"),
    ] {
        let found = find(root, name);
        let whole = found.len() == 1 && found.iter().all(|id| is_whole(id));
        faults.unless(whole, name, what);
    }
    let templates: Vec<Option<&str>> =
        find(root, "templateId").into_iter().map(|template| template.get("root")).collect();
    let exact =
        templates.len() == TEMPLATES.len() && TEMPLATES.iter().all(|root| templates.contains(&Some(root)));
    faults.unless(exact, "templateId", "an unstructured document declares exactly three templates");
    replacement(root, faults);
}

/// A first version replaces nothing; a later one names another document.
fn replacement(root: &Element, faults: &mut Faults) {
    let version: Option<u32> =
        find(root, "versionNumber").first().and_then(|version| version.get("value")?.parse().ok());
    faults.unless(version.is_some_and(|version| version > 0), "versionNumber", "versions count from 1");
    let parents = find(root, "relatedDocument/parentDocument/id");
    let replaces =
        find(root, "relatedDocument").into_iter().all(|related| related.get("typeCode") == Some("RPLC"));
    let expected = usize::from(version.is_some_and(|version| version > 1));
    faults.unless(
        parents.len() == expected && replaces,
        "relatedDocument",
        "a later version replaces one document, and the first replaces none",
    );
    let own: Vec<_> = find(root, "id").into_iter().map(|id| id.get("root")).collect();
    for parent in parents {
        let other = is_whole(parent) && !own.contains(&parent.get("root"));
        faults.unless(
            other,
            "relatedDocument/parentDocument/id",
            "what is replaced is another document, by a whole OID",
        );
    }
}

fn is_whole(id: &Element) -> bool {
    id.get("root").is_some_and(is_oid) && id.get("extension").is_none() && id.get("nullFlavor").is_none()
}
