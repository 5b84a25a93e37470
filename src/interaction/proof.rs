//! `$proof`: where a document stands at each destination, on one page: sent, acknowledged, accepted, refused and why, replaced,
//! withdrawn. Told as `Parameters` (FHIR R4, Operations) or as a table (CSV, RFC 4180); its lasting form are the `AuditEvent`s.

mod standing;
mod told;

use std::collections::BTreeMap;

use crate::json::Value;

use super::hl7v2::{self, BusinessReceipt};
use super::{Context, library, merged, read};
use crate::fhir::element;
use crate::outbox::Act;
use crate::problem::Problem;
use crate::store::{DeliveryFilter, DeliveryRecord};
use standing::Found;

/// Deliveries that are looked at, newest first: more than a patient has in years.
const DELIVERIES_MAX: usize = 1_000;
/// A Task that a person has not ended.
const OPEN: &str = "draft,requested,received,accepted,ready,in-progress,on-hold,failed";

/// Where documents stand: one row for each document and destination.
pub struct Proof {
    rows: Vec<Row>,
    /// Tasks about them that are open, as `Task/id`.
    tasks: Vec<String>,
}

/// One document at one destination.
struct Row {
    /// As `DocumentReference/id`.
    document: String,
    destination: String,
    kind: String,
    found: Found,
    /// Unique id of the document, and id of its entry, as the metadata tell them.
    unique_id: Option<String>,
    entry_uuid: Option<String>,
    /// Where the last change of whom it is hidden from stands, if one was asked for.
    visibility: Option<Found>,
    /// Where it stands that it was last archived, or taken out again, if that was asked for.
    archiving: Option<Found>,
    /// Where the last withdrawal stands, if one was asked for.
    withdrawal: Option<Found>,
    /// Oldest first, each with what came back later.
    deliveries: Vec<(DeliveryRecord, Vec<BusinessReceipt>)>,
}

/// Where one document stands.
///
/// # Errors
/// `NotFound`, `Gone`; those of the store.
pub async fn of_document(ctx: &Context, id: &str) -> Result<Proof, Problem> {
    read::read(ctx, "DocumentReference", id).await?;
    let reference = format!("DocumentReference/{id}");
    gather(ctx, vec![reference]).await
}

/// Where every document of a patient stands.
///
/// # Errors
/// As [`of_document`].
pub async fn of_patient(ctx: &Context, id: &str) -> Result<Proof, Problem> {
    read::read(ctx, "Patient", id).await?;
    let patient = merged::with_ended(ctx, &format!("Patient/{id}")).await?.join(",");
    let documents =
        library::read_all(ctx.store.as_ref(), "DocumentReference", &[("subject", &patient)]).await?;
    gather(ctx, documents.iter().map(|stored| format!("{}/{}", stored.rtype, stored.id)).collect()).await
}

async fn gather(ctx: &Context, documents: Vec<String>) -> Result<Proof, Problem> {
    let mut proof = Proof { rows: Vec::new(), tasks: Vec::new() };
    for document in documents {
        let mut records = deliveries(ctx, &document).await?;
        // The store lists the newest first.
        records.reverse();
        let receipts = hl7v2::of_deliveries(ctx, &records).await?;
        let replaced = replaced_at(ctx, &document).await?;
        let described = described(ctx, &document).await?;
        let mut by_destination: BTreeMap<String, Vec<DeliveryRecord>> = BTreeMap::new();
        for record in records {
            by_destination.entry(record.delivery.destination.clone()).or_default().push(record);
        }
        for (destination, records) in by_destination {
            let replaced_at = replaced.get(&destination).copied();
            proof.rows.extend(row(&document, &described, records, replaced_at, &receipts));
        }
        let about = [("focus", document.as_str()), ("status", OPEN)];
        let tasks = library::read_all(ctx.store.as_ref(), "Task", &about).await?;
        proof.tasks.extend(tasks.iter().map(|stored| format!("Task/{}", stored.id)));
    }
    Ok(proof)
}

fn row(
    document: &str,
    described: &Value,
    records: Vec<DeliveryRecord>,
    replaced_at: Option<jiff::Timestamp>,
    receipts: &BTreeMap<String, Vec<BusinessReceipt>>,
) -> Option<Row> {
    let of = |record: &DeliveryRecord| receipts.get(&record.delivery.id).cloned().unwrap_or_default();
    let all: Vec<&DeliveryRecord> = records.iter().collect();
    let found = standing::of_document(&all, replaced_at, of)?;
    let last_of = |acts: &[Act]| {
        let record = all.iter().rev().find(|record| acts.contains(&record.delivery.act))?;
        Some(standing::of_delivery(record, &of(record)))
    };
    let visibility = last_of(&[Act::Visibility]);
    let archiving = last_of(&[Act::Archive, Act::Unarchive]);
    let withdrawal = last_of(&[Act::Withdraw]);
    let last = records.last()?;
    let text = |path: &str| element::str_at(described, path).map(str::to_owned);
    Some(Row {
        document: document.to_owned(),
        destination: last.delivery.destination.clone(),
        kind: last.delivery.kind.clone(),
        found,
        unique_id: text("masterIdentifier.value"),
        entry_uuid: text("identifier.value"),
        visibility,
        archiving,
        withdrawal,
        deliveries: records
            .into_iter()
            .map(|record| (of(&record), record))
            .map(|(of, record)| (record, of))
            .collect(),
    })
}

async fn deliveries(ctx: &Context, document: &str) -> Result<Vec<DeliveryRecord>, Problem> {
    let subject = Some(document.to_owned());
    ctx.store
        .deliveries(&DeliveryFilter { subject, limit: DELIVERIES_MAX, ..DeliveryFilter::default() })
        .await
}

/// When each destination took a version in the place of this one.
async fn replaced_at(ctx: &Context, document: &str) -> Result<BTreeMap<String, jiff::Timestamp>, Problem> {
    let mut replaced = BTreeMap::new();
    let successors =
        library::read_all(ctx.store.as_ref(), "DocumentReference", &[("relatesto", document)]).await?;
    for successor in successors {
        for record in deliveries(ctx, &format!("DocumentReference/{}", successor.id)).await? {
            if let (Act::Replace, Some(at)) = (record.delivery.act, standing::accepted_at(&record)) {
                replaced.entry(record.delivery.destination).or_insert(at);
            }
        }
    }
    Ok(replaced)
}

async fn described(ctx: &Context, document: &str) -> Result<Value, Problem> {
    let id = document.strip_prefix("DocumentReference/").unwrap_or(document);
    Ok(read::current(ctx, "DocumentReference", id).await?.unwrap_or_default())
}
