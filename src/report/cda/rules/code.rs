//! Codes: the display is the one of the code, and the act has none.

use super::{Faults, places};
use crate::report::cda::element::find;
use crate::report::codes::TYPE;
use crate::terminology::nos;
use crate::xml::Element;

pub(crate) fn codes(element: &Element, place: &str, faults: &mut Faults) {
    for (place, child) in places(element, place) {
        if let (Some(code), Some(oid)) = (child.get("code"), child.get("codeSystem")) {
            let written = child.get("displayName");
            match nos::display(oid, code) {
                Some(display) => {
                    faults.unless(written == Some(display), &place, "the display is not the one of the code");
                }
                None => faults.unless(
                    written.is_some_and(|display| !display.is_empty()),
                    &place,
                    "the code has no display",
                ),
            }
        }
        codes(child, &place, faults);
    }
}

/// A report of remote monitoring: 85208-7, and no code of an act, since none of those that go with it fits.
pub(crate) fn act(root: &Element, faults: &mut Faults) {
    let code = find(root, "code");
    let is_ours = matches!(code.as_slice(), [code] if code.get("code") == Some(TYPE.0) && code.get("displayName") == Some(TYPE.1));
    faults.unless(is_ours, "code", "the type of document is 85208-7");
    let bare = find(root, "documentationOf/serviceEvent/code").is_empty();
    faults.unless(bare, "documentationOf/serviceEvent/code", "no code of an act goes with remote monitoring");
    let encounter = find(root, "componentOf/encompassingEncounter/location/healthCareFacility/code");
    faults.unless(!encounter.is_empty(), "componentOf", "the type of facility is required");
}
