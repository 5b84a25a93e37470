//! A second look at whom a delivery is about, just before it leaves.
//!
//! A delivery may wait for days: its peer is down, refuses it, or comes after others. Meanwhile the identity may lose its
//! qualification, get another INS or other strict traits, or end in another record (`ADT^A40`, `Patient.link`). What was
//! signed must then not go out under what is known to be doubtful or wrong (*référentiel INS*: a matricule travels with a
//! qualified identity only). It is held: nothing is sent, and a Task says what to do. Once the identity is qualified, the
//! signed report goes out as a new edition under the identity of that day (`interaction::release`).
//!
//! - A payload never changes. What is compared is the patient that the description of the document contains, with the traits of
//!   its day, and the Patient of now.
//! - One read when nothing was written about the patient since the delivery was made: a description is read, and
//!   compared, only when something was.
//! - A destination that takes any identity is held from what carries an INS that is no longer good, or names a record that has
//!   ended; the next edition goes there at once, without that INS.
//! - A withdrawal always goes: it must reach who has the document, under the identity that they know.
//! - A first version on its way to the DMP whose feeding the patient opposes by now is held for good, and a Provenance says why; a
//!   platform that was to feed it gets a new edition, which does not ask for that.
//! - A replacement of an edition that was held back is held with it: its receiver has nothing to replace.

use crate::json::Value;
use jiff::Timestamp;

use super::dispatch::{Demand, Oppositions, Takes, Withheld, held, opposition};
use super::{Context, Destination, DestinationKind, incoming, merged, read};
use crate::clock::{Ids, SeededIds};
use crate::fhir::{element, meta};
use crate::identity::{Environment, Ins, Qualification, Reason, Traits, qualify};
use crate::outbox::{Act, Delivery, Outcome};
use crate::problem::Problem;
use crate::report::withdrawal::Sent;
use crate::store::{DeliveryFilter, Expect, Leased, Write};

/// How many editions are followed back.
const EDITIONS_MAX: usize = 64;

/// A delivery that must not leave as it is.
#[derive(Debug, Clone)]
pub struct HeldBack {
    /// Why, in French, without patient data.
    pub reason: String,
    /// The Task that says what to do, unless there is one.
    pub writes: Vec<Write>,
}

/// Looks again at whom a leased delivery is about; nothing when it may leave.
///
/// # Errors
/// Those of the store.
pub async fn second_look(ctx: &Context, leased: &Leased) -> Result<Option<HeldBack>, Problem> {
    let delivery = &leased.delivery;
    let destination = ctx.settings.destinations.iter().find(|one| one.name == delivery.destination);
    // What withdraws or hides is about the document as the destination has it, under whatever identity.
    let Some(destination) = destination.filter(|_| delivery.act.gives()) else { return Ok(None) };
    let mut found = Vec::new();
    if delivery.act == Act::Replace && stands_on_held(ctx, delivery).await? {
        found.push(Difference::NothingToReplace);
    }
    let Some(now) = patient(ctx, &delivery.patient).await? else { return Ok(None) };
    if delivery.act == Act::Provide
        && let Some(withheld) = opposed(ctx, destination, delivery, &now).await?
    {
        if destination.takes.dmp {
            return kept(ctx, leased, withheld).map(Some);
        }
        found.push(Difference::Opposed);
    }
    // Whoever finalises a report expects the Patient in the version that was read: what is not younger is what was signed.
    if found.is_empty() && now.latest <= delivery.created_at {
        return Ok(None);
    }
    let Some(document) = resolve(ctx, &delivery.subject).await? else { return Ok(None) };
    let environment = ctx.settings.issuer.environment;
    let subject = element::str_at(&document, "subject.reference").unwrap_or_default().to_owned();
    let keyed = now.reference.clone();
    let now = if subject == keyed { Some(now) } else { patient(ctx, &subject).await? };
    let Some(now) = now else { return Ok(None) };
    // The record that it was ordered by and the one that it was made for are of one person, and that one is followed.
    if now.reference != subject || now.reference != keyed {
        found.push(Difference::Merged);
    }
    found.extend(differences(&document, &now.patient, &destination.takes, environment));
    if found.is_empty() {
        return Ok(None);
    }
    held_back(ctx, leased, &found, (&now, &destination.takes)).await.map(Some)
}

/// What a first version is to do that the patient opposes by now: feed the DMP, or have a platform feed it.
async fn opposed(
    ctx: &Context,
    destination: &Destination,
    delivery: &Delivery,
    now: &Now,
) -> Result<Option<Withheld>, Problem> {
    let asks = || {
        let Delivery { content_type, payload, .. } = delivery;
        matches!(destination.kind, DestinationKind::Mllp(_))
            && Sent { document_id: "", content_type, payload }.asked_for_dmp()
    };
    if !destination.takes.dmp && !asks() {
        return Ok(None);
    }
    let records = merged::with_ended(ctx, &now.reference).await?;
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let oppositions = Oppositions::of(ctx, &records, incoming::now(ctx)).await?;
    Ok(oppositions.to_dmp(&delivery.destination))
}

/// It stays here for good, and the record says why.
fn kept(ctx: &Context, leased: &Leased, withheld: Withheld) -> Result<HeldBack, Problem> {
    let (delivery, at, reason) = (&leased.delivery, incoming::now(ctx), withheld.text());
    let id =
        SeededIds::new(delivery.created_at, format!("opposed|{}|{}", delivery.id, leased.attempt)).next();
    let record = opposition::record(&[withheld], &delivery.subject, at)
        .map(|record| Write::new(&meta::stamp(record, &id, 1, at), Expect::New));
    Ok(HeldBack { reason, writes: record.transpose()?.into_iter().collect() })
}

/// The patient as known now: in the record that theirs was merged into.
struct Now {
    patient: Value,
    reference: String,
    /// When any record on the way to it was written last.
    latest: Timestamp,
}

async fn patient(ctx: &Context, reference: &str) -> Result<Option<Now>, Problem> {
    let Some(first) = resolve(ctx, reference).await? else { return Ok(None) };
    let mut latest = meta::last_updated(&first).unwrap_or(Timestamp::MAX);
    let patient = merged::survivor_by(ctx, first, |record| {
        latest = latest.max(meta::last_updated(record).unwrap_or(Timestamp::MAX));
    })
    .await?;
    let reference = element::local_reference(&patient).unwrap_or_default();
    Ok(Some(Now { patient, reference, latest }))
}

async fn resolve(ctx: &Context, reference: &str) -> Result<Option<Value>, Problem> {
    match reference.split_once('/') {
        Some((rtype, id)) => read::current(ctx, rtype, id).await,
        None => Ok(None),
    }
}

/// Whether the last edition before this one was held back from the same destination after this one was made, so that there is
/// nothing to replace. One that was made later names what the destination has.
async fn stands_on_held(ctx: &Context, delivery: &Delivery) -> Result<bool, Problem> {
    let mut document = resolve(ctx, &delivery.subject).await?;
    for _ in 0..EDITIONS_MAX {
        let before = document.as_ref().and_then(|document| {
            let related = element::list(document, "relatesTo").find(|one| one["code"] == "replaces")?;
            element::str_at(related, "target.reference").map(str::to_owned)
        });
        let Some(before) = before else { return Ok(false) };
        let filter = DeliveryFilter {
            subject: Some(before.clone()),
            destination: Some(delivery.destination.clone()),
            ..DeliveryFilter::default()
        };
        let records = ctx.store.deliveries(&filter).await?;
        if records.iter().any(|record| record.progress.accepted) {
            return Ok(false);
        }
        let last = records.iter().find_map(|record| record.attempts.last());
        let held = last.filter(|attempt| matches!(attempt.outcome, Outcome::Held { .. }));
        if held.is_some_and(|attempt| attempt.ended_at >= delivery.created_at) {
            return Ok(true);
        }
        document = resolve(ctx, &before).await?;
    }
    Ok(false)
}

/// One thing by which the patient of a document is another one than the patient of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// Their record was merged into another one, or is no longer.
    Merged,
    /// The identity is not qualified any more.
    Unqualified(Vec<Reason>),
    /// The INS is another one, or has another OID.
    Ins,
    /// A strict trait is another one.
    Traits,
    /// The edition before was held back.
    NothingToReplace,
    /// The patient opposes by now that a platform feeds the DMP with it.
    Opposed,
}

impl Difference {
    /// In French; no trait is repeated.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Merged => "le dossier du patient a été fusionné avec un autre, ou ne l'est plus".to_owned(),
            Self::Unqualified(reasons) => {
                format!("l'identité n'est plus qualifiée ({})", held::listed(reasons))
            }
            Self::Ins => "l'INS du patient n'est plus le même".to_owned(),
            Self::Traits => "les traits d'identité du patient ne sont plus les mêmes".to_owned(),
            Self::Opposed => "le patient s'oppose à l'alimentation du DMP".to_owned(),
            Self::NothingToReplace => {
                "la version précédente, qu'il remplace, a elle-même été retenue".to_owned()
            }
        }
    }
}

/// What is different between the patient of a description and a Patient, as far as this destination is concerned.
pub(super) fn differences(
    document: &Value,
    now: &Value,
    takes: &Takes,
    environment: Environment,
) -> Vec<Difference> {
    let Some(before) = element::list(document, "contained").find(|one| one["resourceType"] == "Patient")
    else {
        return Vec::new();
    };
    let (before, now) = (Traits::of(before), Traits::of(now));
    let ins = before.matricules.first().and_then(|(kind, value)| Ins::new(*kind, value).ok());
    if ins.is_none() && takes.identity == Demand::Any {
        return Vec::new();
    }
    let mut found = Vec::new();
    match qualify(&now, environment) {
        Qualification::Unqualified(reasons) => found.push(Difference::Unqualified(reasons)),
        Qualification::Qualified(now) if Some(&now) != ins.as_ref() => found.push(Difference::Ins),
        Qualification::Qualified(_) => {}
    }
    if strict(&before) != strict(&now) {
        found.push(Difference::Traits);
    }
    found
}

/// The strict traits that a document names.
fn strict(traits: &Traits) -> [Option<&str>; 6] {
    let sex = traits.sex.map(crate::identity::Sex::fhir);
    let [name, first, all, date, place] = [
        &traits.birth_name,
        &traits.first_name,
        &traits.given_names,
        &traits.birth_date,
        &traits.birth_place,
    ]
    .map(Option::as_deref);
    [name, first, all, sex, date, place]
}

async fn held_back(
    ctx: &Context,
    leased: &Leased,
    found: &[Difference],
    (now, takes): (&Now, &Takes),
) -> Result<HeldBack, Problem> {
    let delivery = &leased.delivery;
    let reason = found.iter().map(Difference::text).collect::<Vec<_>>().join(" ; ");
    let open = held::open(ctx, &[("focus", &delivery.subject)]).await?;
    if open.iter().any(|task| held::destination(task) == Some(&delivery.destination)) {
        return Ok(HeldBack { reason, writes: Vec::new() });
    }
    let at = incoming::now(ctx);
    let qualified = qualify(&Traits::of(&now.patient), ctx.settings.issuer.environment);
    let mut why = format!("depuis la signature, {reason}. ");
    why.push_str(match qualified {
        Qualification::Qualified(_) => {
            "L'identité actuelle est qualifiée : une nouvelle édition du compte rendu signé part d'elle-même sous cette \
             identité, et cette tâche se ferme."
        }
        Qualification::Unqualified(_) if takes.identity == Demand::Any => {
            "Cette destination reçoit aussi ce qui n'est pas qualifié : une nouvelle édition du compte rendu signé part d'elle-même, \
             sans INS, et cette tâche se ferme."
        }
        Qualification::Unqualified(_) => held::QUALIFY,
    });
    if is_in_doubt(ctx, delivery).await? {
        why.push_str(
            " Un essai d'envoi précédent est resté sans réponse claire : vérifier chez le destinataire qu'il n'a pas déjà reçu ce \
             document sous l'identité d'alors, et si c'est le cas l'y faire supprimer.",
        );
    }
    let task = held::task(&delivery.destination, &now.reference, &delivery.subject, &why, at);
    let id = SeededIds::new(delivery.created_at, format!("held|{}|{}", delivery.id, leased.attempt)).next();
    let task = Write::new(&meta::stamp(task, &id, 1, at), Expect::New)?;
    Ok(HeldBack { reason, writes: vec![task] })
}

/// Whether an attempt before may have brought the document without a word of it coming back.
async fn is_in_doubt(ctx: &Context, delivery: &Delivery) -> Result<bool, Problem> {
    let filter = DeliveryFilter { id: Some(delivery.id.clone()), ..DeliveryFilter::default() };
    let records = ctx.store.deliveries(&filter).await?;
    Ok(records.iter().flat_map(|record| &record.attempts).any(|attempt| !attempt.outcome.is_certain_no()))
}
