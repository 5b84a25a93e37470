//! Keeping what is refused: a patient's answers are never thrown away, readable or not.
//!
//! The bytes become a `Binary`, the outcome another one beside it (`{id}-outcome`). The rules run on every answer that could be
//! read, and a person is told by a Task of level *technique* or above, and a Flag. Where no patient is known, or more than one
//! may be meant, the Task is about nobody: a person has to find out whose answers they are. The same bytes refused twice are
//! kept once; where they do not say when they were answered, once a day.

use crate::json::{Value, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::decide::{self, Judgement, Origin};
use super::gather::Gathered;
use super::{Arrival, Round, history, write};
use crate::clock::SeededIds;
use crate::fhir::{self, Document, Format, meta, outcome};
use crate::interaction::{Context, content, incoming};
use crate::problem::{Category, Issue, Problem, Severity};
use crate::report::period;
use crate::store::{Committed, Expect, Guard, Unit, Violation, Write};

/// Key space of the digests of refused bytes.
const REFUSED: &str = "refused QuestionnaireResponse";

/// How a refused response is told to be kept.
pub(super) const TOLD: &str = "nothing is lost: the response is kept as";

/// Keeps bytes that cannot be read at all, and adds to the problem where they are.
pub(super) async fn unreadable(
    ctx: &Context,
    document: Document<'_>,
    problem: Problem,
) -> Result<Problem, Problem> {
    let at = incoming::now(ctx);
    let raw_id = ctx.ids.next();
    let kept = Kept {
        bytes: document.bytes,
        media_type: media_type(document),
        id: &raw_id,
        at,
        patient: None,
        is_dated: false,
    };
    let mut unit = kept.unit(&problem.issues, problem.category)?;
    let (reference, ids) = (format!("Binary/{raw_id}"), SeededIds::new(at, format!("{raw_id}|1")));
    let origin = Origin { reference: &reference, version: 1 };
    write::add(decide::derive_unread(&problem.issues, at, &origin, &ids), at, &mut unit)?;
    match ctx.store.commit(unit).await? {
        Committed::Written(_) => Ok(told(problem, &raw_id, None)),
        Committed::Refused(Violation::Key { holder, .. }) => Ok(told(problem, id_of(&holder), None)),
        Committed::Refused(_) => Err(Problem::internal("refused bytes could not be kept")),
    }
}

/// Keeps a response that was read and is refused, with the alerts that what could be read of it calls for.
pub(super) async fn refuse(
    ctx: &Context,
    arrival: &Arrival<'_>,
    gathered: &Gathered,
    judgement: &Judgement,
    category: Category,
) -> Result<Round, Problem> {
    let patient = gathered.patient.as_deref();
    let (id, at) = (&arrival.kept_id, arrival.received);
    let bytes = arrival.document.bytes;
    let is_dated = history::moment(&arrival.response).is_some();
    let kept = Kept { bytes, media_type: media_type(arrival.document), id, at, patient, is_dated };
    let mut unit = kept.unit(&judgement.issues, category)?;
    write::stand_on(gathered, &mut unit);
    let reference = format!("Binary/{id}");
    // The earlier version, if there is one, stands as it was: what it became is not touched by a refused one.
    let existing: &[Value] = &[];
    let ids = SeededIds::new(at, format!("{id}|1"));
    let origin = Origin { reference: &reference, version: 1 };
    let derived = decide::derive(&gathered.situation, existing, judgement, &origin, &ids);
    write::add(derived, at, &mut unit)?;
    let problem = Problem::with(category, judgement.issues.clone());
    Ok(match ctx.store.commit(unit).await? {
        Committed::Written(_) => Round::Answered(Err(told(problem, id, patient))),
        Committed::Refused(Violation::Key { holder, .. }) => {
            Round::Answered(Err(told(problem, id_of(&holder), patient)))
        }
        Committed::Refused(
            Violation::Stream { .. } | Violation::Version { .. } | Violation::Delivery { .. },
        ) => Round::Again,
        Committed::Refused(Violation::Exists(_)) => {
            return Err(Problem::internal("refused bytes could not be kept"));
        }
    })
}

/// What refused bytes are: bytes, when they are no JSON though they were sent as that.
fn media_type(document: Document<'_>) -> &'static str {
    match document.format {
        Format::Json if document.read().is_err() => "application/octet-stream",
        format => format.media_type(),
    }
}

/// Bytes to keep.
struct Kept<'a> {
    bytes: &'a [u8],
    media_type: &'a str,
    id: &'a str,
    at: Timestamp,
    patient: Option<&'a str>,
    /// Whether the response says when it was answered.
    is_dated: bool,
}

impl Kept<'_> {
    /// What they are kept once for: the patient and the reason, and the day, where they do not say when they were answered.
    /// Without a moment, equal bytes may well be those of another week: nothing tells them from a repeat, which comes soon.
    fn key(&self, digest: &str, category: Category) -> String {
        let key = format!("{digest} {} {category:?}", self.patient.unwrap_or("unknown"));
        if self.is_dated { key } else { format!("{key} {}", period::today(self.at)) }
    }

    /// The transaction that keeps them.
    fn unit(&self, issues: &[Issue], category: Category) -> Result<Unit, Problem> {
        let digest = content::bytes_digest(self.bytes);
        let report = outcome::operation_outcome(issues);
        let report = serde_json::to_vec(&report).map_err(|fault| Problem::internal(fault.to_string()))?;
        let mut unit = Unit::new("keep", self.at);
        unit.guards.push(Guard::Key {
            space: REFUSED.to_owned(),
            key: self.key(&digest, category),
            holder: format!("Binary/{}", self.id),
            digest: digest.into_bytes(),
        });
        unit.writes.push(Write::new(&self.binary(self.id, self.media_type, self.bytes), Expect::New)?);
        let beside = outcome_id(self.id);
        unit.writes.push(Write::new(&self.binary(&beside, fhir::MEDIA_TYPE, &report), Expect::New)?);
        Ok(unit)
    }

    fn binary(&self, id: &str, media_type: &str, bytes: &[u8]) -> Value {
        let mut binary = json!({ "resourceType": "Binary", "contentType": media_type });
        if let Some(patient) = self.patient {
            binary["securityContext"] = json!({ "reference": patient });
        }
        // An empty string is no value in FHIR: nothing is kept as no data.
        if !bytes.is_empty() {
            binary["data"] = STANDARD.encode(bytes).into();
        }
        meta::stamp(binary, id, 1, self.at)
    }
}

/// The id of the outcome beside kept bytes.
fn outcome_id(id: &str) -> String {
    format!("{id}-outcome")
}

fn id_of(holder: &str) -> &str {
    holder.trim_start_matches("Binary/")
}

/// The problem, with where the bytes are, and whether a person is told of them.
fn told(mut problem: Problem, id: &str, patient: Option<&str>) -> Problem {
    let (person, text) = match patient {
        Some(_) => (
            "a Task asks a person to read it",
            "La réponse refusée est conservée et sera relue par un soignant.",
        ),
        None => (
            "it names no patient, or not one alone, who is known here: a Task without patient asks a person to find out whose \
             it is",
            "La réponse refusée est conservée, mais aucun patient connu n'a pu lui être associé : un soignant cherchera à qui elle \
             appartient.",
        ),
    };
    let outcome = outcome_id(id);
    problem.issues.push(Issue {
        severity: Severity::Information,
        ..Issue::error(
            "informational",
            format!("{TOLD} Binary/{id}, and this outcome as Binary/{outcome}; {person}"),
        )
        .text(text)
    });
    problem
}
