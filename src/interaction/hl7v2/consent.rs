//! What a patient says about the DMP, ZFA of PAM.fr 2.11: whether they oppose its feeding by the hospital (ZFA-9, since ZFA-10).
//!
//! `IO` is informed and opposed, `INO` informed and not opposed; anything else (not informed, not asked) changes nothing that is
//! known. The consent to consultation (ZFA-11) is of no use here: nothing is read from a DMP. The codes are those of the
//! published examples of the ANS; no table of the extension was at hand.

use crate::json::{Value, json};

use crate::fhir::{element, meta, search};
use crate::hl7v2::{Message, Moment};
use crate::interaction::dispatch::opposition::TO_DMP;
use crate::interaction::{Context, library, merged};
use crate::problem::Problem;
use crate::store::{Expect, Guard, Unit, Write};
use crate::terminology::{BASE, LOINC, OPPOSITION};

/// Adds the write of the patient's opposition to the unit, if the message says something else than what is known; whether it did.
/// What is known stands in the patient's record, in those that were merged into it, and in those that are being (`ending`).
///
/// # Errors
/// Those of the store.
pub(super) async fn write(
    ctx: &Context,
    unit: &mut Unit,
    patient: &str,
    ending: &[String],
    message: &Message,
) -> Result<bool, Problem> {
    let Some(zfa) = message.segment("ZFA") else { return Ok(false) };
    let opposes = match zfa.field(9).text().as_str() {
        "IO" => true,
        "INO" => false,
        _ => return Ok(false),
    };
    let mut known = Vec::new();
    for one in std::iter::once(patient).chain(ending.iter().map(String::as_str)) {
        for record in merged::with_ended(ctx, one).await? {
            known.extend(of(ctx, &record).await?);
        }
    }
    if !opposes {
        return retract(unit, known);
    }
    if known.iter().any(|consent| consent["status"] == "active") {
        return Ok(false);
    }
    let own = element::list(known.first().unwrap_or(&Value::Null), "identifier")
        .any(|one| one["value"] == patient.trim_start_matches("Patient/"));
    match known.into_iter().next().filter(|_| own) {
        Some(known) => state(unit, known, "active")?,
        None => {
            let params = [("identifier".to_owned(), name(patient))];
            let consent = consent(patient, zfa.field(10).text().as_str());
            unit.guards.push(Guard::NoneMatches(search::parse("Consent", &params)?));
            unit.writes.push(Write::new(&meta::stamp(consent, &ctx.ids.next(), 1, unit.at), Expect::New)?);
        }
    }
    Ok(true)
}

/// What PAM told of that record before.
async fn of(ctx: &Context, patient: &str) -> Result<Option<Value>, Problem> {
    let found =
        library::read_all(ctx.store.as_ref(), "Consent", &[("identifier", name(patient).as_str())]).await?;
    found.first().map(|stored| stored.resource()).transpose()
}

fn name(patient: &str) -> String {
    format!("{BASE}/NamingSystem/pam-opposition|{}", patient.trim_start_matches("Patient/"))
}

/// Whoever does not oppose does so in none of their records.
fn retract(unit: &mut Unit, known: Vec<Value>) -> Result<bool, Problem> {
    let active: Vec<Value> = known.into_iter().filter(|consent| consent["status"] == "active").collect();
    let any = !active.is_empty();
    active.into_iter().try_for_each(|consent| state(unit, consent, "inactive"))?;
    Ok(any)
}

fn state(unit: &mut Unit, mut consent: Value, status: &str) -> Result<(), Problem> {
    let (Some(id), Some(version)) = (element::id(&consent).map(str::to_owned), meta::version(&consent))
    else {
        return Err(Problem::internal("a stored Consent has no id or version"));
    };
    consent["status"] = json!(status);
    unit.writes.push(Write::new(&meta::stamp(consent, &id, version + 1, unit.at), Expect::Version(version))?);
    Ok(())
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
