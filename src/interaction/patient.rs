//! What the write of a Patient has to look at beyond the record itself: whether another record that is followed here has the
//! same INS (matricule and OID), and whether merges would go in a circle (FHIR R4, `Patient.identifier` and `Patient.link`).
//!
//! One INS is one person (*référentiel INS*): two records with it are one person twice, or somebody has another person's number.
//! Neither can be told from here, and this service follows identities and does not make them: the second record is stored as
//! the hospital sent it, the sender is warned, and a Task tells a person. A site where nothing but identity messages writes
//! Patients may have the second one refused instead ([`SameIns`]). What `FHIR` servers of a general kind offer is the same choice:
//! nothing, unless the site declares the identifier to be unique, and then a refusal.
//!
//! - Records that ended (`active` false, or `replaced-by`) do not count: that is how two records of one person are told apart.
//! - Whoever writes a record with an INS stands on the stream of that INS, so that two replicas that write the two records at
//!   the same moment do not both find themselves alone.
//! - The same records are told of once: the id of the Task is made of them, and a person who closes it is not asked again.

use jiff::Timestamp;

use super::{Context, conditional, content, merged, person};
use crate::clock::{Ids, SeededIds};
use crate::fhir::element;
use crate::fhir::identifier::{self, Identifier};
use crate::fhir::search;
use crate::json::Value;
use crate::problem::{Category, Issue, Problem};
use crate::store::{Expect, Guard, Look, Unit, Write};

/// Records with one INS that are looked at.
const HOLDERS_MAX: usize = 20;

/// What becomes of a Patient whose INS another record has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameIns {
    /// It is stored, with a warning and a Task.
    #[default]
    Tell,
    /// It is refused (409).
    Refuse,
}

/// Adds to the unit what must hold for that Patient to be written, and the Task that tells of another record with its INS;
/// returns the warnings. Other resources need nothing. `ends` are records that the same unit ends, as `Patient/id`.
///
/// # Errors
/// `Invalid` when merges would go in a circle, `Conflict` where the site has a second record refused; those of the store.
pub(super) async fn guard(
    ctx: &Context,
    before: Option<&Value>,
    after: &Value,
    ends: &[&str],
    unit: &mut Unit,
) -> Result<Vec<Issue>, Problem> {
    if element::resource_type(after) != Some("Patient") {
        return Ok(Vec::new());
    }
    unit.guards.extend(merged::no_circle(ctx, after).await?);
    let mut warnings = Vec::new();
    if !is_followed(after) {
        return Ok(warnings);
    }
    for ins in identifier::every_ins(after) {
        let others = others(ctx, &ins, after, ends, unit).await?;
        if others.is_empty() {
            continue;
        }
        let had =
            before.is_some_and(|before| is_followed(before) && identifier::every_ins(before).contains(&ins));
        if ctx.settings.same_ins == SameIns::Refuse && !had {
            return Err(Problem::with(Category::Conflict, vec![issue(&others, true)]));
        }
        tell(ctx, after, &others, unit).await?;
        warnings.push(issue(&others, false));
    }
    Ok(warnings)
}

/// Whether the care team looks at this record.
pub(super) fn is_followed(patient: &Value) -> bool {
    patient["active"] != false && merged::replaced_by(patient).is_none()
}

/// The other records that are followed and have this INS, as `Patient/id`, in order; the unit stands on there being no more.
async fn others(
    ctx: &Context,
    ins: &Identifier,
    own: &Value,
    ends: &[&str],
    unit: &mut Unit,
) -> Result<Vec<String>, Problem> {
    let mut query = search::parse("Patient", &[("identifier".to_owned(), conditional::escape(ins))])?;
    query.count = HOLDERS_MAX;
    // The number itself is not written where nobody would look for it.
    let stream = format!("Patient.identifier/{}", content::bytes_digest(ins.token().as_bytes()));
    let seen = ctx
        .store
        .look(Look { streams: vec![stream.clone()], resources: Vec::new(), searches: vec![query] })
        .await?;
    let sequence = seen.streams.first().copied().unwrap_or(0);
    unit.guards.push(Guard::Stream { patient: stream.clone(), sequence });
    unit.streams.push(stream);
    let mut others = Vec::new();
    for stored in seen.pages.iter().flat_map(|page| &page.resources) {
        let reference = format!("Patient/{}", stored.id);
        if element::id(own) == Some(&stored.id) || ends.contains(&reference.as_str()) {
            continue;
        }
        let patient = stored.resource()?;
        if is_followed(&patient) && identifier::every_ins(&patient).contains(ins) {
            others.push(reference);
        }
    }
    others.sort();
    Ok(others)
}

/// The Task, unless these records were told of before.
async fn tell(ctx: &Context, own: &Value, others: &[String], unit: &mut Unit) -> Result<(), Problem> {
    let Some(patient) = element::local_reference(own) else { return Ok(()) };
    let mut all: Vec<&str> = others.iter().map(String::as_str).collect();
    all.push(&patient);
    all.sort_unstable();
    let id = SeededIds::new(Timestamp::UNIX_EPOCH, format!("same INS|{}", all.join("|"))).next();
    if ctx.store.read("Task", &id).await?.is_some() {
        return Ok(());
    }
    let why = format!(
        "Plusieurs dossiers suivis portent le même matricule INS : {}. Une réponse qui désigne le patient par ce matricule ne peut \
         être attribuée à aucun d'eux, et les règles ne voient dans chaque dossier que ses propres réponses. Faire vérifier par la \
         cellule d'identitovigilance : s'il s'agit de la même personne, fusionner les dossiers ; sinon, corriger le matricule \
         erroné.",
        all.join(", ")
    );
    let focus = others.first().map_or(patient.as_str(), String::as_str);
    unit.writes.push(Write::new(&person::task(&id, &patient, focus, &why, unit.at), Expect::New)?);
    tracing::warn!(task = id, "two Patients have one INS");
    Ok(())
}

fn issue(others: &[String], refused: bool) -> Issue {
    let holders = others.join(", ");
    if refused {
        let diagnostics = format!(
            "{holders} has the same INS, and this site has a second record of one INS refused (identity.same_ins): merge the \
             records, or correct the number"
        );
        return Issue::error("duplicate", diagnostics);
    }
    let diagnostics = format!(
        "{holders} has the same INS and is followed, too: a response that names its patient by this INS cannot be attributed; a \
         Task asks a person to merge the records or to have the number corrected"
    );
    Issue::warning("duplicate", diagnostics)
        .at("Patient.identifier")
        .text("Un autre dossier suivi porte le même matricule INS : à faire vérifier par la cellule d'identitovigilance.")
}
