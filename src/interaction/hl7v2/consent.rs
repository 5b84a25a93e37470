//! What a patient says about the DMP, ZFA of PAM.fr 2.11: whether they oppose its feeding by the hospital (ZFA-9, since ZFA-10).
//!
//! `IO` is informed and opposed, `INO` informed and not opposed; anything else (not informed, not asked) changes nothing that is
//! known. The consent to consultation (ZFA-11) is of no use here: nothing is read from a DMP. The codes are those of the
//! published examples of the ANS; no table of the extension was at hand.

use serde_json::{Value, json};

use crate::fhir::{element, meta, search};
use crate::hl7v2::{Message, Moment};
use crate::interaction::dispatch::opposition::TO_DMP;
use crate::interaction::{Context, library, read};
use crate::problem::Problem;
use crate::store::{Expect, Guard, Unit, Write};
use crate::terminology::{BASE, LOINC, OPPOSITION};

/// Adds the write of the patient's opposition to the unit, if the message says something else than what is known; whether it did.
///
/// # Errors
/// Those of the store.
pub(super) async fn write(
    ctx: &Context,
    unit: &mut Unit,
    patient: &str,
    message: &Message,
) -> Result<bool, Problem> {
    let Some(zfa) = message.segment("ZFA") else { return Ok(false) };
    let status = match zfa.field(9).text().as_str() {
        "IO" => "active",
        "INO" => "inactive",
        _ => return Ok(false),
    };
    let name = format!("{BASE}/NamingSystem/pam-opposition|{}", patient.trim_start_matches("Patient/"));
    let params = [("identifier".to_owned(), name.clone())];
    let known = library::read_all(ctx.store.as_ref(), "Consent", &[("identifier", &name)]).await?;
    let Some(known) = known.first().map(read::body).transpose()? else {
        if status == "active" {
            let consent = consent(patient, zfa.field(10).text().as_str());
            unit.guards.push(Guard::NoneMatches(search::parse("Consent", &params)?));
            unit.writes.push(Write::new(&meta::stamp(consent, &ctx.ids.next(), 1, unit.at), Expect::New)?);
        }
        return Ok(status == "active");
    };
    let (Some(id), Some(version)) = (element::id(&known).map(str::to_owned), meta::version(&known)) else {
        return Err(Problem::internal("a stored Consent has no id or version"));
    };
    if known["status"] == status {
        return Ok(false);
    }
    let mut next = known;
    next["status"] = json!(status);
    unit.writes.push(Write::new(&meta::stamp(next, &id, version + 1, unit.at), Expect::Version(version))?);
    Ok(true)
}

fn consent(patient: &str, since: &str) -> Value {
    let mut consent = json!({
        "resourceType": "Consent",
        "identifier": [{
            "system": format!("{BASE}/NamingSystem/pam-opposition"),
            "value": patient.trim_start_matches("Patient/"),
        }],
        "status": "active",
        "scope": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": LOINC, "code": "59284-0"}]}],
        "patient": {"reference": patient},
        "dateTime": null,
        "policyRule": {"text": "Code de la santé publique, articles L1111-15 et R1111-47"},
        "provision": {"type": "deny", "code": [{"coding": [{
            "system": OPPOSITION, "code": TO_DMP, "display": "Opposition à l'alimentation du DMP"}]}]},
    });
    match Moment::parse(since) {
        Some(since) => consent["dateTime"] = json!(since.date()),
        None => drop(consent.as_object_mut().and_then(|members| members.remove("dateTime"))),
    }
    consent
}
