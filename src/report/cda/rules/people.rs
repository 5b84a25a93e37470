//! Professionals and structures: prefixed national numbers, names, and who answers for the document.

use super::Faults;
use crate::identity::{ProfessionalId, StructureId};
use crate::report::cda::element::find;
use crate::xml::Element;

const AUTHOR: &str = "author/assignedAuthor";
const AUTHENTICATOR: &str = "legalAuthenticator/assignedEntity";
const PERFORMER: &str = "documentationOf/serviceEvent/performer/assignedEntity";
const CUSTODIAN: &str = "custodian/assignedCustodian/representedCustodianOrganization";

pub(crate) fn people(root: &Element, faults: &mut Faults) {
    for place in [AUTHOR, AUTHENTICATOR, PERFORMER] {
        let found = find(root, place);
        faults.unless(found.len() == 1, place, "exactly one is asked for");
        for entity in found {
            faults.unless(
                national(entity, ProfessionalId::OID, |id| ProfessionalId::parse(id).is_some()),
                &format!("{place}/id"),
                "the professional has no national identifier with its prefix (8 before an RPPS number): \
                 Practitioner.identifier",
            );
            let specialty = find(entity, "code")
                .into_iter()
                .any(|code| code.get("code").is_some_and(|code| code.starts_with("G15_")));
            faults.unless(
                specialty,
                &format!("{place}/code"),
                "the profession of the professional is not known: PractitionerRole.code or specialty (TRE_G15, TRE_R38)",
            );
            structure(find(entity, "representedOrganization").first().copied(), place, faults);
        }
    }
    structure(find(root, CUSTODIAN).first().copied(), CUSTODIAN, faults);
    same(root, faults);
    let title = find(root, "title").first().is_some_and(|title| !title.content().trim().is_empty());
    faults.unless(title, "title", "the document has a title");
}

/// Who signs is who wrote: nobody else takes responsibility in this service.
fn same(root: &Element, faults: &mut Faults) {
    let id = |place: &str| {
        let found = find(root, &format!("{place}/id")).first().copied();
        found.and_then(|id| id.get("extension").map(str::to_owned))
    };
    let author = id(AUTHOR);
    faults.unless(
        author == id(AUTHENTICATOR) && author == id(PERFORMER),
        AUTHENTICATOR,
        "author, performer and legal authenticator are one person",
    );
}

fn structure(organization: Option<&Element>, place: &str, faults: &mut Faults) {
    let known = organization.is_some_and(|organization| {
        national(organization, StructureId::OID, |id| StructureId::parse(id).is_some())
    });
    faults.unless(
        known,
        place,
        "the structure has no national identifier with its prefix (1 before a FINESS number): Organization.identifier, \
         issuer.finess",
    );
    let named = organization
        .is_some_and(|one| find(one, "name").into_iter().any(|name| !name.content().trim().is_empty()));
    faults.unless(named, place, "the structure has no name");
}

fn national(entity: &Element, oid: &str, is_right: impl Fn(&str) -> bool) -> bool {
    let ids = find(entity, "id");
    matches!(ids.as_slice(), [id] if id.get("root") == Some(oid) && id.get("extension").is_some_and(is_right))
}
