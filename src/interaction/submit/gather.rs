//! Reading what the decision about a response needs: the only step of a submission that asks the store anything.

pub(super) mod alone;

use std::sync::Arc;

use crate::json::{Value, json};

use super::decide::Situation;
use super::{Arrival, RESPONSE, careplan, earlier, following, identity, moment, treatment};
use crate::fhir::element;
use crate::fhir::search::Query;
use crate::interaction::library::{self, Form, Plan, Shelf};
use crate::interaction::reference::{self, References};
use crate::interaction::update::Before;
use crate::interaction::{Context, incoming, merged};
use crate::problem::{Issue, Problem};
use crate::store::{Look, Page, Seen};

/// What was read, and the moments of the person's streams it stands on.
pub(crate) struct Gathered {
    /// What the decision looks at.
    pub(crate) situation: Situation,
    /// The patient, as `Patient/id`.
    pub(crate) patient: Option<String>,
    /// Every record of the person, as `Patient/id`, and where its stream stood before anything that is written about it was
    /// read: responses in two records of one person are judged with each other, as those in one are.
    pub(crate) streams: Vec<(String, u64)>,
}

/// Reads everything about a response.
///
/// # Errors
/// Those of the store: what does not exist is an issue of the situation.
pub(crate) async fn gather(
    ctx: &Context,
    arrival: &Arrival<'_>,
    before: &Before,
) -> Result<Gathered, Problem> {
    let mut response = arrival.response.clone();
    let mut issues = arrival.issues.clone();
    let own = before.resource.is_some().then_some(arrival.id.as_str());
    let references = References::of(ctx, &response);
    let mut around = if references.are_literal() {
        // Whom it is about is known before its references are: one way to the store is enough.
        let mut known = reference::Known::default();
        let around = around(ctx, &response, references.named(), &mut known).await?;
        issues.extend(references.resolve(ctx, &mut response, &known).await?);
        around
    } else {
        issues.extend(reference::resolve(ctx, &mut response).await?);
        around(ctx, &response, Vec::new(), &mut reference::Known::default()).await?
    };
    let history = std::mem::take(&mut around.history);
    if around.patient.is_none() && !issues.iter().any(is_about_subject) {
        issues.push(without_subject());
    }
    let (patient, careplans) = (around.patient.as_ref(), around.careplans.as_slice());
    issues.extend(identity::issues(ctx, &response, patient, careplans, before).await?);
    let mut known = definitions(ctx, &mut response, &around).await?;
    issues.append(&mut known.issues);
    known.doubts.extend(identity::doubts(&response, around.patient.as_ref(), &around.others));
    known.doubts.extend(moment::doubt(&response, arrival.received));
    let moment = moment::of_version(ctx, &response, arrival.received, before.resource.as_ref()).await?;
    let since = following::since(ctx, moment, before.resource.as_ref()).await?;
    let plan = known.plan.as_ref();
    let history = match (history, plan) {
        (None, Some(plan)) => unsaid(ctx, &around.records, plan).await?,
        (history, _) => history,
    };
    let responses = match history {
        Some((query, first)) => {
            let picks = plan.and_then(|plan| plan.compiled.history());
            let own = earlier::Own { id: own, at: moment, since };
            let layout = known.layout.as_ref().map(|form| &form.compiled);
            earlier::responses(ctx, query, first, own, (picks, layout)).await?
        }
        None => earlier::Responses::default(),
    };
    let following = following::gather(ctx, responses.all, before.resource.as_ref(), since, &around).await?;
    let existing = match (&before.resource, &around.reference) {
        (Some(current), Some(patient)) => earlier::became(ctx, current, patient).await?,
        _ => Vec::new(),
    };
    let situation = Situation {
        response,
        received: arrival.received,
        moment,
        subject: around.reference.as_ref().map(|patient| json!({ "reference": patient })),
        patient: around.patient.take(),
        careplan: known.careplan,
        careplans: around.careplans,
        form: known.form,
        layout: known.layout,
        plan: known.plan,
        terminology: known.shelf.terminology(),
        history: responses.earlier,
        following,
        existing,
        issues,
        doubts: known.doubts,
        telephone: ctx.settings.telephone.clone(),
    };
    Ok(Gathered { situation, patient: around.reference, streams: around.streams })
}

/// The patient, the plans of care, and where to look for earlier responses.
#[derive(Default)]
pub(super) struct Around {
    patient: Option<Value>,
    /// The patient, as `Patient/id`.
    reference: Option<String>,
    careplans: Vec<Value>,
    /// The streams of all the records of the person.
    streams: Vec<(String, u64)>,
    /// All the records of the person, as a search names them.
    records: String,
    /// Those that were merged with the one that is meant.
    others: Vec<Value>,
    /// The search for earlier responses, and its first page.
    history: Option<(Query, Page)>,
    /// Where the stream of the definitions stands, if it was asked.
    definitions: Option<u64>,
}

/// Reads it all at once; of the resources in `named`, `known` is told which there are.
async fn around(
    ctx: &Context,
    response: &Value,
    mut named: Vec<(String, String)>,
    known: &mut reference::Known,
) -> Result<Around, Problem> {
    let mut look = Look::default();
    let mut searches = None;
    if let Some(reference) = incoming::patient(response) {
        let patient = ("Patient".to_owned(), reference.trim_start_matches("Patient/").to_owned());
        named.retain(|one| *one != patient);
        look.resources.push(patient);
        look.streams.extend([reference.clone(), library::DEFINITIONS.to_owned()]);
        let careplans = careplan::query(&reference)?;
        look.searches.push(careplans.clone());
        let url = element::str_at(response, "questionnaire").map(|text| library::Canonical::parse(text).url);
        let history = url.map(|url| earlier::query(&reference, url)).transpose()?;
        look.searches.extend(history.clone());
        look.searches.push(merged::query(&reference)?);
        searches = Some((reference, careplans, history));
    }
    look.resources.extend(named);
    if look.resources.is_empty() {
        return Ok(Around::default());
    }
    let Seen { streams, resources, pages } = ctx.store.look(look).await?;
    resources.iter().flatten().for_each(|stored| known.add(stored));
    let mut around = Around { definitions: streams.get(1).copied(), ..Around::default() };
    let patient = resources.into_iter().next().flatten().filter(|stored| !stored.deleted);
    let (Some((reference, careplans, history)), Some(patient)) = (searches, patient) else {
        return Ok(around);
    };
    let patient = patient.resource()?;
    let mut pages = pages.into_iter();
    let own = (careplans, pages.next().unwrap_or_default());
    let history = history.map(|history| (history, pages.next().unwrap_or_default()));
    let is_merged = pages.next().is_some_and(|ended| !ended.resources.is_empty());
    around.streams = streams.first().map(|sequence| (reference.clone(), *sequence)).into_iter().collect();
    let (careplans, history) = if is_merged || merged::replaced_by(&patient).is_some() {
        let records = records(ctx, &reference, &mut around.streams).await?;
        around.others = others(ctx, &records, &reference).await?;
        around.records = records.join(",");
        of_records(ctx, response, &around.records).await?
    } else {
        around.records.clone_from(&reference);
        (own, history)
    };
    around.careplans = careplan::of(ctx, careplans.0, careplans.1).await?;
    around.history = history;
    around.patient = Some(patient);
    around.reference = Some(reference);
    Ok(around)
}

/// A search and its first page.
type Found = (Query, Page);

/// All the records of that person. Their streams are read before it is found out once more which records there are: a merge
/// that came in between is seen, and whatever is written about one of them later moves one of these streams.
async fn records(
    ctx: &Context,
    patient: &str,
    streams: &mut Vec<(String, u64)>,
) -> Result<Vec<String>, Problem> {
    loop {
        let records = merged::family(ctx, patient).await?;
        let is_new = |record: &&String| !streams.iter().any(|(known, _)| known == *record);
        let new: Vec<String> = records.iter().filter(is_new).cloned().collect();
        if new.is_empty() {
            return Ok(records);
        }
        let seen = ctx.store.look(Look { streams: new.clone(), ..Look::default() }).await?;
        streams.extend(new.into_iter().zip(seen.streams));
    }
}

/// The records of a person but one.
async fn others(ctx: &Context, records: &[String], own: &str) -> Result<Vec<Value>, Problem> {
    let named = records.iter().filter(|record| *record != own).filter_map(|record| record.split_once('/'));
    let resources = named.map(|(rtype, id)| (rtype.to_owned(), id.to_owned())).collect();
    let seen = ctx.store.look(Look { resources, ..Look::default() }).await?;
    seen.resources.iter().flatten().filter(|stored| !stored.deleted).map(|stored| stored.resource()).collect()
}

/// The plans of care and the earlier responses in all the records of one person.
async fn of_records(
    ctx: &Context,
    response: &Value,
    records: &str,
) -> Result<(Found, Option<Found>), Problem> {
    let careplans = found(ctx, careplan::query(records)?).await?;
    let url = element::str_at(response, "questionnaire").map(|text| library::Canonical::parse(text).url);
    let history = match url {
        Some(url) => Some(found(ctx, earlier::query(records, url)?).await?),
        None => None,
    };
    Ok((careplans, history))
}

async fn found(ctx: &Context, query: Query) -> Result<Found, Problem> {
    let page = ctx.store.search(&query).await?;
    Ok((query, page))
}

/// The earlier responses that one is compared with which does not say what it answers: those to what its protocol judges.
async fn unsaid(ctx: &Context, records: &str, plan: &Plan) -> Result<Option<Found>, Problem> {
    let judged = plan.compiled.questionnaires().iter();
    let urls: Vec<&str> = judged.map(|canonical| library::Canonical::parse(canonical).url).collect();
    if urls.is_empty() || records.is_empty() {
        return Ok(None);
    }
    found(ctx, earlier::query_any(records, &urls)?).await.map(Some)
}

/// The definitions that apply to a response, and what is wrong about them.
pub(crate) struct Known {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) form: Option<Arc<Form>>,
    pub(crate) layout: Option<Arc<Form>>,
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) careplan: Option<Value>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) doubts: Vec<Issue>,
}

/// Which definitions apply to a response of this patient.
pub(super) async fn definitions(
    ctx: &Context,
    response: &mut Value,
    around: &Around,
) -> Result<Known, Problem> {
    let asked: Vec<&str> = element::str_at(response, "questionnaire").into_iter().collect();
    let plans: Vec<&str> = around.careplans.iter().flat_map(instantiated).collect();
    let kept = around.definitions.and_then(|sequence| ctx.library.kept(sequence, &asked, &plans));
    let shelf = match kept {
        Some(shelf) => shelf,
        None => ctx.library.shelf(ctx.store.as_ref(), &asked, &plans).await?,
    };
    Ok(known(shelf, response, &around.careplans))
}

/// Which questionnaire, protocol and plan of care apply; the resolved version is recorded on the response.
pub(crate) fn known(shelf: Arc<Shelf>, response: &mut Value, careplans: &[Value]) -> Known {
    let asked = element::str_at(response, "questionnaire").map(str::to_owned);
    let form = asked.as_deref().and_then(|canonical| shelf.form(canonical));
    let mut issues = Vec::new();
    match (&asked, &form) {
        (Some(_), Some(form)) => response["questionnaire"] = form.canonical().into(),
        (Some(canonical), None) => issues.push(unknown_questionnaire(canonical)),
        (None, _) => issues.push(without_questionnaire()),
    }
    let url = asked.as_deref().map(|canonical| library::Canonical::parse(canonical).url);
    let mut doubts = treatment::doubts(careplans);
    let mut chosen: Option<(Arc<Plan>, &Value)> = None;
    let mut passed_over: Vec<Arc<Plan>> = Vec::new();
    for careplan in careplans.iter().filter(|careplan| careplan::is_followed(careplan)) {
        for canonical in instantiated(careplan) {
            match (shelf.plan(canonical), url) {
                (None, _) => doubts.push(unknown_plan(canonical)),
                // One that does not say what it answers is refused, and what can be read of its answers must still alert.
                (Some(plan), url) if url.is_none_or(|url| library::judges(&plan, url, form.as_deref())) => {
                    match &chosen {
                        None => chosen = Some((plan, careplan)),
                        Some((first, _)) if first.canonical() == plan.canonical() => {}
                        Some((first, _)) => doubts.push(second_plan(&first.canonical(), &plan.canonical())),
                    }
                }
                (Some(plan), Some(url)) if library::judges(&plan, url, None) => passed_over.push(plan),
                _ => {}
            }
        }
    }
    let plan = chosen.as_ref().map(|(plan, _)| Arc::clone(plan));
    let plan = plan.or_else(|| {
        let mut fitting = shelf.plans_for(url?, form.as_deref());
        // What a plan of care names judges another version of this questionnaire: another edition of the same protocol comes next.
        let url_of = |plan: &Plan| library::Canonical::parse(&plan.canonical()).url.to_owned();
        if let Some(named) = passed_over.first() {
            let same = fitting.iter().position(|plan| url_of(plan) == url_of(named));
            if let Some(same) = same {
                return Some(fitting.swap_remove(same));
            }
            doubts.extend(fitting.first().map(|first| other_plan(&named.canonical(), &first.canonical())));
        }
        let mut fitting = fitting.into_iter();
        let first = fitting.next()?;
        doubts.extend(fitting.next().map(|second| unnamed_plan(&first.canonical(), &second.canonical())));
        Some(first)
    });
    let followed = careplans.iter().find(|careplan| careplan::is_followed(careplan));
    let careplan = chosen.map(|(_, careplan)| careplan).or(followed).cloned();
    let layout = form.clone().or_else(|| {
        let judged = plan.as_ref()?.compiled.questionnaires().iter();
        let mut same = judged.filter(|one| url.is_none_or(|url| library::Canonical::parse(one).url == url));
        same.find_map(|canonical| shelf.form(canonical))
    });
    Known { shelf, form, layout, plan, careplan, issues, doubts }
}

/// The protocols that a plan of care follows.
pub(crate) fn instantiated(careplan: &Value) -> impl Iterator<Item = &str> {
    element::list(careplan, "instantiatesCanonical").filter_map(Value::as_str)
}

fn is_about_subject(issue: &Issue) -> bool {
    issue.expression.as_deref().is_some_and(|place| place.starts_with("QuestionnaireResponse.subject"))
}

fn without_subject() -> Issue {
    Issue::error(
        "required",
        "the response names no Patient of this server: by reference, by search or by identifier",
    )
    .at(format!("{RESPONSE}.subject"))
    .text("La réponse ne désigne aucun patient connu.")
}

fn without_questionnaire() -> Issue {
    Issue::error("required", "the response does not say which questionnaire it answers")
        .at(format!("{RESPONSE}.questionnaire"))
        .detail("questionnaireNotFound")
        .text("La réponse ne dit pas à quel questionnaire elle répond.")
}

fn unknown_questionnaire(canonical: &str) -> Issue {
    let what = match library::Canonical::parse(canonical).version {
        Some(_) => "is not known here in that version",
        None => "has no active version here",
    };
    Issue::error("not-found", format!("the questionnaire {canonical} {what}"))
        .at(format!("{RESPONSE}.questionnaire"))
        .detail("questionnaireNotFound")
        .text("Ce questionnaire, ou cette version, n'est pas connu du service.")
}

fn unknown_plan(canonical: &str) -> Issue {
    Issue::error(
        "not-found",
        format!("the CarePlan follows the protocol {canonical}, which is not known here"),
    )
    .at(RESPONSE)
    .text("Le protocole du plan de soins n'est pas connu du service : réponse à relire.")
}

fn second_plan(first: &str, second: &str) -> Issue {
    Issue::error(
        "multiple-matches",
        format!("the CarePlans follow two protocols for this questionnaire: {first} judges it, {second} does not"),
    )
    .at(RESPONSE)
    .text("Deux protocoles du plan de soins analysent ce questionnaire, un seul a été appliqué : réponse à relire.")
}

fn other_plan(named: &str, judges: &str) -> Issue {
    Issue::error(
        "business-rule",
        format!("the CarePlan follows {named}, which judges another version of this questionnaire; {judges} judged it"),
    )
    .at(RESPONSE)
    .text(
        "Le protocole du plan de soins n'analyse pas cette version du questionnaire ; un autre protocole a été appliqué : réponse \
         à relire, plan de soins à vérifier.",
    )
}

fn unnamed_plan(first: &str, second: &str) -> Issue {
    Issue::error(
        "multiple-matches",
        format!("no CarePlan says which protocol judges this questionnaire, and two do: {first} judged it, {second} did not"),
    )
    .at(RESPONSE)
    .text(
        "Deux protocoles actifs analysent ce questionnaire et le plan de soins n'en nomme aucun ; un seul a été appliqué : réponse \
         à relire, plan de soins à compléter.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_is_an_issue_at_the_questionnaire() {
        let mut response = json!({"resourceType": RESPONSE, "questionnaire": "http://q|9"});
        let known = known(Arc::default(), &mut response, &[]);
        assert_eq!(known.issues.len(), 1);
        assert_eq!(known.issues[0].expression.as_deref(), Some("QuestionnaireResponse.questionnaire"));
        assert_eq!(known.issues[0].detail, Some("questionnaireNotFound"));
        assert_eq!(response["questionnaire"], "http://q|9");
    }

    #[test]
    fn a_plan_of_care_with_an_unknown_protocol_raises_a_doubt() {
        let mut response = json!({"resourceType": RESPONSE, "questionnaire": "http://q"});
        let careplan = json!({"resourceType": "CarePlan", "id": "c", "status": "active", "instantiatesCanonical": ["http://p|1"]});
        let known = known(Arc::default(), &mut response, &[careplan]);
        assert_eq!(known.doubts.len(), 1);
        assert!(known.careplan.is_some() && known.plan.is_none());
    }

    #[test]
    fn another_protocol_than_the_plan_of_care_names_is_told_and_another_edition_of_it_is_not() {
        let coded = |system: &str, code: &str| json!({"coding": [{"system": format!("https://vigie.example/fhir/CodeSystem/{system}"), "code": code}]});
        let form = |version: &str| {
            json!({"resourceType": "Questionnaire", "url": "http://q", "version": version, "status": "active",
                "item": [{"linkId": "a", "type": "boolean"}]})
        };
        let protocol = |url: &str, version: &str, judges: &str| {
            json!({"resourceType": "PlanDefinition", "url": url, "version": version, "status": "active",
                "relatedArtifact": [{"type": "depends-on", "resource": format!("http://q|{judges}")}],
                "action": [{"id": "R1", "title": "a", "code": [coded("alert-rule", "R1"), coded("alert-level", "orange")],
                    "condition": [{"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": "true"}}]}]})
        };
        let check = |more: Vec<Value>, expected: &str, doubts: usize| {
            let all = [form("1"), form("2"), protocol("http://p", "1", "1")].into_iter().chain(more);
            let shelf = Shelf::default().with(all.collect()).unwrap_or_else(|problem| panic!("{problem}"));
            let careplan = json!({"resourceType": "CarePlan", "id": "c", "status": "active", "instantiatesCanonical": ["http://p|1"]});
            let mut response = json!({"resourceType": RESPONSE, "questionnaire": "http://q"});
            let known = known(Arc::new(shelf), &mut response, &[careplan]);
            assert_eq!(response["questionnaire"], "http://q|2");
            let plan = known.plan.map(|plan| plan.canonical()).unwrap_or_default();
            assert_eq!((plan.as_str(), known.doubts.len()), (expected, doubts));
        };
        check(vec![], "", 0);
        check(vec![protocol("http://a", "1", "2")], "http://a|1", 1);
        check(vec![protocol("http://a", "1", "2"), protocol("http://p", "2", "2")], "http://p|2", 0);
    }
}
