//! After a merge nothing is lost and nothing is moved: what was written about the record that ended is found from the one that
//! stays, judged with it and reported with it, and taking the links away undoes it (issue 4, points 3 and 7).

use vigie::fhir::search::Handling;
use vigie::hl7v2::{Header, Message};
use vigie::interaction::{self, Search};
use vigie::json::{Value, json};

use crate::late;
use crate::support::held::Held;
use crate::support::{App, Course, Kept, body, signed};

const ENDED: &str = "Patient/test-folfox";
pub(crate) const STAYS: &str = "Patient/survivor";
const IPP: &str = "https://chu.example/ipp";

/// Two weeks in one record, and the same person's other record.
pub(crate) async fn stage(kept: Kept) -> Option<(App, Course)> {
    let app = App::on(kept).await?;
    let course = Course::start(&app, "folfox").await;
    for week in ["1", "2"] {
        let response = course.week(week);
        app.at(response["authored"].as_str().unwrap());
        app.submit(&response).await.unwrap();
    }
    let mut other = app.read(ENDED).await;
    other["id"] = json!("survivor");
    // Nobody knew yet that it is the same person.
    let ins = "urn:oid:1.2.250.1.213.1.4.10";
    other["identifier"].as_array_mut().unwrap().retain(|one| one["system"] != ins);
    for (patient, number) in [(&mut other, "STAYS"), (&mut app.read(ENDED).await, "ENDS")] {
        let numbers = patient["identifier"].as_array_mut().unwrap();
        numbers.retain(|one| one["system"] != IPP);
        numbers.push(json!({"system": IPP, "value": number,
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}]}}));
        app.put(patient).await.unwrap();
    }
    Some((app, course))
}

async fn take(app: &App, event: &str, control: &str, number: &str, rest: &str) {
    // The identity server says it again each time: the number, the INS, and that it is validated.
    let ins = "160019900000175^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS";
    let pid = format!("PID|||{number}^^^CHU&1.2.250.1.999.2&ISO^PI~{ins}{}VALI", "|".repeat(29));
    let text = format!(
        "MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260310090000||ADT^{event}|{control}|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8\r\
         EVN||20260310090000\r{pid}\r{rest}"
    );
    let message = Message::parse(text.as_bytes()).unwrap();
    let header = Header::read(&message).unwrap();
    interaction::receive(&app.context, &message, &header).await.unwrap_or_else(|problem| panic!("{problem}"));
}

pub(crate) async fn merge(app: &App) {
    app.at("2026-03-10T09:00:00+01:00");
    take(app, "A40", "1", "STAYS", "MRG|ENDS^^^CHU&1.2.250.1.999.2&ISO^PI\r").await;
}

fn ids(found: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn entries(bundle: &[u8], rtype: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(bundle).unwrap();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default().into_iter();
    entries.map(|entry| entry["resource"].clone()).filter(|one| one["resourceType"] == rtype).collect()
}

/// What this patient is found to have, asked in every way there is: one list for each.
async fn found(app: &App, rtype: &str, patient: &str, number: &str) -> Vec<Vec<String>> {
    let number = format!("{IPP}|{number}");
    let id = patient.trim_start_matches("Patient/");
    let pairs = |params: &[(&str, &str)]| -> Vec<(String, String)> {
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut all = Vec::new();
    for params in [("patient", patient), ("patient", id), ("patient.identifier", number.as_str())] {
        all.push(ids(&app.search(rtype, &[params]).await));
    }
    let params = pairs(&[("_count", "500")]);
    let search = Search { rtype, params: &params, handling: Handling::Strict, patient: Some(id) };
    let compartment = interaction::search_with(&app.context, search).await.unwrap();
    all.push(ids(&entries(&compartment.body, rtype)));
    let everything = interaction::everything(&app.context, id, &pairs(&[("_count", "500")])).await.unwrap();
    all.push(ids(&entries(&everything.body, rtype)));
    all
}

#[tokio::test]
async fn what_belongs_to_the_ended_record_is_found_from_the_one_that_stays() {
    for kept in Kept::EACH {
        let Some((app, _)) = stage(kept).await else { continue };
        let types = ["Observation", "Flag", "Task", "DiagnosticReport", "QuestionnaireResponse", "CarePlan"];
        let mut before = Vec::new();
        for rtype in types {
            let own = found(&app, rtype, ENDED, "ENDS").await;
            assert!(
                !own[0].is_empty() && own.iter().all(|list| *list == own[0]),
                "{kept:?} {rtype}: {own:?}"
            );
            assert!(found(&app, rtype, STAYS, "STAYS").await.iter().all(Vec::is_empty), "{kept:?} {rtype}");
            before.push(own);
        }
        merge(&app).await;
        for (rtype, own) in types.iter().zip(&before) {
            let now = found(&app, rtype, STAYS, "STAYS").await;
            for (way, list) in now.iter().enumerate() {
                assert!(own[0].iter().all(|id| list.contains(id)), "{kept:?} {rtype} {way}: {now:?}");
                // The Task that tells of the merge is new.
                assert!(list.len() <= own[0].len() + usize::from(*rtype == "Task"), "{kept:?} {rtype} {way}");
            }
            assert_eq!(&found(&app, rtype, ENDED, "ENDS").await, own, "{kept:?} {rtype}: its own, as ever");
        }
        let open = app.search("Flag", &[("patient", STAYS), ("status", "active")]).await;
        assert!(open.iter().any(|flag| flag["subject"]["reference"] == ENDED), "{kept:?}");
        let record = app.search("Provenance", &[("target", STAYS)]).await;
        let told = record.iter().find(|one| one["activity"]["text"] == "Fusion de dossiers").unwrap();
        assert_eq!(told["entity"][0]["what"]["reference"], ENDED);

        // They were two people after all.
        for patient in [STAYS, ENDED] {
            let mut unlinked = app.read(patient).await;
            unlinked.as_object_mut().unwrap().remove("link");
            unlinked["active"] = json!(true);
            app.put(&unlinked).await.unwrap();
        }
        for (rtype, own) in types.iter().zip(&before).filter(|(rtype, _)| **rtype != "Task") {
            assert!(found(&app, rtype, STAYS, "STAYS").await.iter().all(Vec::is_empty), "{kept:?} {rtype}");
            assert_eq!(&found(&app, rtype, ENDED, "ENDS").await, own, "{kept:?} {rtype}");
        }
    }
}

#[tokio::test]
async fn a_response_after_the_merge_is_judged_with_the_weeks_before_it() {
    for kept in Kept::EACH {
        let rules = async |patient: &str, merged: bool| {
            let (app, course) = stage(kept).await?;
            if merged {
                merge(&app).await;
            }
            let mut response = course.week("3");
            response["subject"] = json!({"reference": patient});
            if response.get("source").is_some() {
                response["source"] = json!({"reference": patient});
            }
            app.at("2026-03-16T18:41:00+01:00");
            app.submit(&response).await.unwrap_or_else(|problem| panic!("{problem}"));
            let flags = app.search("Flag", &[("subject", patient), ("status", "active")]).await;
            let own = flags.iter().filter(|flag| flag["subject"]["reference"] == patient);
            let codings = own.flat_map(|flag| flag["code"]["coding"].as_array().unwrap().clone());
            let mut codes: Vec<String> =
                codings.map(|coding| coding["code"].as_str().unwrap().to_owned()).collect();
            codes.retain(|code| code.starts_with("R13"));
            codes.dedup();
            let reports = app.search("DiagnosticReport", &[("subject", patient)]).await;
            Some((codes, reports.len()))
        };
        // Fatigue of grade 2 for the second time in a row: in one record, and over both.
        let Some(alone) = rules(ENDED, false).await else { continue };
        assert_eq!(alone, (vec!["R13".to_owned()], 3), "{kept:?}");
        assert_eq!(rules(STAYS, true).await.unwrap(), alone, "{kept:?}");
        assert_eq!(rules(ENDED, true).await.unwrap().0, alone.0, "{kept:?}: under the old number, too");
    }
}

/// Who sends the weeks still says the number of the record that ended, beside the reference to the one that stays.
#[tokio::test]
async fn a_number_of_the_record_that_ended_is_no_other_person() {
    for kept in Kept::EACH {
        let told = async |number: &str| {
            let (app, course) = stage(kept).await?;
            merge(&app).await;
            let mut response = course.week("3");
            let who = json!({"reference": STAYS, "identifier": {"system": IPP, "value": number}});
            (response["subject"], response["source"]) = (who.clone(), who);
            app.at("2026-03-16T18:41:00+01:00");
            let id = app.submit(&response).await.unwrap_or_else(|problem| panic!("{problem}")).id;
            Some(raised(&app, STAYS, &format!("QuestionnaireResponse/{id}")).await)
        };
        let is_doubted = |told: Vec<String>| told.iter().any(|code| code == "technique");
        let Some(stays) = told("STAYS").await else { continue };
        assert!(!is_doubted(stays), "{kept:?}");
        assert!(!is_doubted(told("ENDS").await.unwrap()), "{kept:?}");
        assert!(is_doubted(told("ELSE").await.unwrap()), "{kept:?}: of somebody else");
    }
}

/// A response about that record, at that moment.
fn about(course: &Course, patient: &str, fatigue: &str, authored: &str) -> Value {
    let mut response = late::week(course, "3", fatigue);
    response["subject"] = json!({"reference": patient});
    response["authored"] = json!(authored);
    for name in ["identifier", "source"] {
        response.as_object_mut().unwrap().remove(name);
    }
    response
}

/// The rules of the active Flags that a response raised in that record.
async fn raised(app: &App, patient: &str, response: &str) -> Vec<String> {
    let flags = app.search("Flag", &[("subject", patient), ("status", "active")]).await;
    let own = flags.iter().filter(|flag| flag.to_string().contains(&format!("{response}\"")));
    let codings = own.flat_map(|flag| flag["code"]["coding"].as_array().unwrap().clone());
    codings.map(|coding| coding["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn of_two_responses_at_once_in_two_records_of_one_person_the_second_is_judged_with_the_first() {
    for kept in Kept::EACH {
        for (one, other, merged_before) in
            [(STAYS, ENDED, true), (ENDED, STAYS, true), (STAYS, ENDED, false), (ENDED, STAYS, false)]
        {
            let Some((app, course)) = stage(kept).await else { continue };
            if merged_before {
                merge(&app).await;
            }
            app.at("2026-03-16T18:00:00Z");
            // A fatigue that was gone, and hours later is back: that rises fast only for who knows both.
            let gone = about(&course, other, "0", "2026-03-16T08:00:00Z");
            let back = about(&course, one, "2", "2026-03-16T17:00:00Z").to_string();
            let mut replica = app.replica("other");
            let held = Held::new(std::sync::Arc::clone(&replica.store));
            replica.store = std::sync::Arc::<Held>::clone(&held);
            let second = interaction::create(&replica, "QuestionnaireResponse", back.as_bytes(), None);
            let first = held.meanwhile(async {
                if !merged_before {
                    merge(&app).await;
                    app.at("2026-03-16T18:00:00Z");
                }
                app.submit(&gone).await
            });
            let (second, first) = tokio::join!(second, first);
            let (second, _) = (second.unwrap(), first.unwrap());
            let rules = raised(&app, one, &format!("QuestionnaireResponse/{}", second.id)).await;
            assert!(rules.iter().any(|rule| rule == "R11"), "{kept:?} {one} {merged_before}: {rules:?}");
        }
    }
}

#[tokio::test]
async fn reports_and_proofs_of_the_one_that_stays_speak_of_both() {
    for kept in Kept::EACH {
        let Some((app, _)) = stage(kept).await else { continue };
        app.at("2026-03-10T08:00:00+01:00");
        let report = app.search("DiagnosticReport", &[("_sort", "-date")]).await.remove(0);
        app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap();
        let period = async |patient: &str| {
            let answer = app.period_report(patient, "2026-03-01", "2026-03-09").await;
            let report = body(&answer.unwrap_or_else(|problem| panic!("{problem}")));
            let results: Vec<String> = report["result"]
                .as_array()
                .map(|all| all.iter().map(|one| one["reference"].as_str().unwrap().to_owned()).collect())
                .unwrap_or_default();
            (report, results)
        };
        let (_, alone) = period("test-folfox").await;
        assert!(!alone.is_empty());
        merge(&app).await;
        let (report, both) = period("survivor").await;
        assert_eq!(both, alone, "{kept:?}");
        assert_eq!(report["basedOn"], json!([{"reference": "CarePlan/test-folfox"}]));
        // It is signed, and a plain server of the hospital can follow every reference of what it is sent.
        app.at("2026-03-10T10:00:00+01:00");
        app.put(&signed(&report, "final", "Bonne tolérance sur la période.")).await.unwrap();
        let sent = app.context.store.deliveries(&vigie::store::DeliveryFilter {
            destination: Some("dpi".to_owned()),
            payload: true,
            ..vigie::store::DeliveryFilter::default()
        });
        let payload = String::from_utf8(sent.await.unwrap().remove(0).delivery.payload).unwrap();
        assert!(!payload.contains(ENDED), "{kept:?}: nobody there knows the number of our record");
        let proof = interaction::proof_of_patient(&app.context, "survivor").await.unwrap();
        let table = proof.csv();
        assert_eq!(table.lines().count() - 1, 4, "{kept:?}: two documents at two destinations:\n{table}");
    }
}
