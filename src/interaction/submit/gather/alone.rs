//! What is left to decide with when something stored about a person is damaged: the response is refused and kept, and judged by
//! its own answers, so that what they say alerts all the same.

use crate::json::json;

use super::{Around, Gathered, Known, definitions};
use crate::interaction::submit::decide::Situation;
use crate::interaction::submit::following::Following;
use crate::interaction::submit::{Arrival, careplan, moment};
use crate::interaction::{Context, incoming, read};
use crate::problem::{Issue, Problem};
use crate::store::{Look, Seen};

/// Told to the care team, whose next step is another than with a response that is faulty itself.
const UNREADABLE: &str = "Une partie de ce que le service a enregistré de ce patient est endommagée : la réponse a été conservée et analysée \
                          seule, sans les précédentes. La relire avec le dossier du patient, et prévenir l'exploitant.";

/// Gathers what can be read without what is damaged.
///
/// # Errors
/// Those of the store.
pub(in crate::interaction::submit) async fn gather(
    ctx: &Context,
    arrival: &Arrival<'_>,
    damage: Problem,
) -> Result<Gathered, Problem> {
    let mut response = arrival.response.clone();
    let mut issues = arrival.issues.clone();
    issues.extend(told(damage));
    let around = around(ctx, incoming::patient(&response)).await?;
    let Known { shelf, form, layout, plan, careplan, issues: more, doubts } =
        definitions(ctx, &mut response, &around).await?;
    issues.extend(more);
    let Around { patient, reference, careplans, streams, .. } = around;
    let situation = Situation {
        received: arrival.received,
        moment: moment::of(&response, arrival.received),
        subject: reference.as_ref().map(|patient| json!({ "reference": patient })),
        response,
        patient,
        careplan,
        careplans,
        form,
        layout,
        plan,
        terminology: shelf.terminology(),
        history: Vec::new(),
        following: Following::default(),
        existing: Vec::new(),
        issues,
        doubts,
        telephone: ctx.settings.telephone.clone(),
    };
    Ok(Gathered { situation, patient: reference, streams })
}

/// What is damaged, as the care team is told of it.
pub(in crate::interaction::submit) fn told(damage: Problem) -> impl Iterator<Item = Issue> {
    damage.issues.into_iter().map(|issue| issue.text(UNREADABLE))
}

/// The patient who is named, and those plans of care that can be read.
async fn around(ctx: &Context, named: Option<String>) -> Result<Around, Problem> {
    let Some(reference) = named else { return Ok(Around::default()) };
    let id = reference.trim_start_matches("Patient/").to_owned();
    let look = Look {
        streams: vec![reference.clone()],
        resources: vec![("Patient".to_owned(), id)],
        searches: vec![careplan::query(&reference)?],
    };
    let Seen { streams, resources, pages } = ctx.store.look(look).await?;
    let Some(patient) = resources.into_iter().next().flatten().filter(|patient| !patient.deleted) else {
        return Ok(Around::default());
    };
    Ok(Around {
        patient: read::legible(&patient),
        careplans: careplan::legible(pages.into_iter().next().unwrap_or_default()),
        streams: vec![(reference.clone(), streams.first().copied().unwrap_or_default())],
        records: reference.clone(),
        reference: Some(reference),
        ..Around::default()
    })
}
