//! What does not go out although a destination takes it: the patient opposes it, or the document is restricted.
//!
//! A patient may oppose the feeding of the DMP (Code de la santé publique, L1111-15 and R1111-47) and the sending by MSSanté. That
//! is an active `Consent` whose provision denies a code of `CodeSystem/opposition`; PAM.fr carries the first in ZFA-9. It is
//! honoured when a document is dispatched, and looked at again when a first version leaves for the DMP. What went before stays
//! where it is, and only a withdrawal takes it back; one that ends sends nothing by itself, and the next version goes again.
//!
//! Corrections: the opposition is to the *feeding* of the DMP. What is there already stays there, is read by those who treat the
//! patient, and must not stay wrong: its replacement goes, and its withdrawal always. The guide of the DMP, which was not at hand,
//! may see that otherwise, and so may a site: `corrections_despite_opposition = false` keeps replacements back, too, and has a
//! person told that the DMP keeps a version that is out of date.

use crate::json::{Value, json};
use jiff::Timestamp;

use super::holding::{self, Holding};
use crate::clock::Ids;
use crate::fhir::datetime::{PartialDateTime, instant};
use crate::fhir::element::{code_of, list, local_reference, str_at};
use crate::fhir::meta;
use crate::interaction::material::all;
use crate::interaction::{Context, Destination, DestinationKind};
use crate::problem::{Issue, Problem, Severity};
use crate::report::Header;
use crate::report::hl7v2::Route;
use crate::terminology::{BASE, OPPOSITION};

/// Code of the opposition to the feeding of the DMP.
pub(in crate::interaction) const TO_DMP: &str = "alimentation-dmp";
/// Code of the opposition to the sending by MSSanté.
const TO_MAIL: &str = "mssante";

/// What a patient opposes: each the `Consent/id` that says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::interaction) struct Oppositions {
    dmp: Option<String>,
    mail: Option<String>,
}

impl Oppositions {
    /// The oppositions of these records of one patient that hold at that time.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::interaction) async fn of(
        ctx: &Context,
        patients: &[&str],
        at: Timestamp,
    ) -> Result<Self, Problem> {
        let mut found = Self::default();
        for patient in patients {
            for consent in all(ctx, "Consent", &[("patient", *patient), ("status", "active")]).await? {
                found.add(&consent, at);
            }
        }
        Ok(found)
    }

    /// What does not go to that destination, which feeds the DMP, if the patient opposes it.
    pub(in crate::interaction) fn to_dmp(&self, destination: &str) -> Option<Withheld> {
        let consent = self.dmp.clone()?;
        Some(Withheld { destination: destination.to_owned(), what: What::Dmp, consent: Some(consent) })
    }

    fn add(&mut self, consent: &Value, at: Timestamp) {
        let Some(provision) = consent.get("provision") else { return };
        if str_at(provision, "type") != Some("deny") || !holds(provision, at) {
            return;
        }
        for code in list(provision, "code").filter_map(|code| code_of(code, OPPOSITION)) {
            match code {
                TO_DMP => self.dmp = self.dmp.take().or_else(|| local_reference(consent)),
                TO_MAIL => self.mail = self.mail.take().or_else(|| local_reference(consent)),
                _ => {}
            }
        }
    }
}

/// A provision without period holds always.
fn holds(provision: &Value, at: Timestamp) -> bool {
    let bounds = |name: &str| PartialDateTime::parse(str_at(provision, name)?)?.bounds();
    bounds("period.start").is_none_or(|(start, _)| start <= at)
        && bounds("period.end").is_none_or(|(_, end)| at <= end)
}

/// Something that does not go out, for a reason that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::interaction) struct Withheld {
    destination: String,
    what: What,
    /// The `Consent` that says so; none for a document that is restricted.
    consent: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Dmp,
    Mail,
}

impl Withheld {
    /// In French, for the record and for who signs.
    pub(in crate::interaction) fn text(&self) -> String {
        let Self { destination, what, consent } = self;
        let why = match (what, consent) {
            (What::Dmp, Some(_)) => "le patient s'oppose à l'alimentation du DMP",
            (What::Mail, Some(_)) => "le patient s'oppose à l'envoi par MSSanté",
            (_, None) => "le document est de diffusion restreinte",
        };
        let what = match what {
            What::Dmp => "n'alimente pas le DMP",
            What::Mail => "n'est pas envoyé par MSSanté",
        };
        format!("Le compte rendu {what} (destination « {destination} ») : {why}.")
    }

    /// The Task about a version that stays in the DMP although it is out of date, if there is one.
    pub(super) fn task(&self, held: Option<&Holding>, at: Timestamp, ids: &dyn Ids) -> Option<Value> {
        let (held, _) = held.zip(self.consent.as_ref())?;
        let task = holding::outdated(held, at);
        Some(meta::stamp(task, &ids.next(), 1, at))
    }

    /// For the answer to who signs: nothing is wrong.
    pub(in crate::interaction) fn issue(&self) -> Issue {
        let what = match self.what {
            What::Dmp => "does not feed the national record",
            What::Mail => "is not mailed",
        };
        let why = self.consent.as_ref().map_or_else(
            || "its confidentiality is restricted".to_owned(),
            |consent| format!("the patient opposes it ({consent})"),
        );
        let diagnostics = format!("the document {what} by the destination {}: {why}", self.destination);
        let mut issue = Issue::warning("informational", diagnostics).text(self.text());
        issue.severity = Severity::Information;
        issue
    }
}

/// A destination that is asked for something, of a patient who may oppose it.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) destination: &'a Destination,
    pub(super) oppositions: &'a Oppositions,
    /// The version that the destination has, or will have before.
    pub(super) held: Option<&'a Holding>,
}

impl Asking<'_> {
    /// Whether what feeds the DMP only corrects what is there, and the site has corrections sent.
    fn corrects(&self) -> bool {
        self.held.is_some() && self.destination.takes.corrections_despite_opposition
    }

    /// Why the document does not go to this destination, which may be one before the national record.
    pub(super) fn kept_back(&self, header: &Header) -> Option<Withheld> {
        let Self { destination, oppositions, .. } = self;
        let restricted = header.confidentiality.code != "N";
        let opposed = oppositions.dmp.is_some() && !self.corrects();
        (destination.takes.dmp && (restricted || opposed)).then(|| Withheld {
            destination: destination.name.clone(),
            what: What::Dmp,
            consent: oppositions.dmp.clone().filter(|_| opposed),
        })
    }

    /// What a platform is not asked for, of what the site has it do.
    pub(super) fn not_asked(&self, header: &Header) -> Vec<Withheld> {
        let Self { destination, oppositions, .. } = self;
        let route = match &destination.kind {
            DestinationKind::Mllp(route) => Some(route.as_ref()),
            DestinationKind::Folder(layout) => layout.message.as_deref(),
            _ => None,
        };
        let Some(route) = route else { return Vec::new() };
        let (wanted, asked) = (route.flags, self.respected(route).flags);
        let one = |what, consent: Option<&String>| Withheld {
            destination: destination.name.clone(),
            what,
            consent: consent.cloned(),
        };
        let restricted = header.confidentiality.code != "N";
        let opposed = wanted.to_dmp && !asked.to_dmp;
        let dmp = (opposed || (wanted.to_dmp && restricted))
            .then(|| one(What::Dmp, oppositions.dmp.as_ref().filter(|_| opposed)));
        let mail = (wanted.to_professionals || wanted.to_patient)
            .then_some(oppositions.mail.as_ref())
            .flatten()
            .map(|consent| one(What::Mail, Some(consent)));
        dmp.into_iter().chain(mail).collect()
    }

    /// The decisions about a platform, without what the patient opposes. A mail is sent anew each time; what the DMP has of this
    /// document by this platform is corrected.
    pub(super) fn respected(&self, route: &Route) -> Route {
        let mut route = route.clone();
        let fed = || self.held.is_some_and(|held| held.sent().asked_for_dmp());
        route.flags.to_dmp &= self.oppositions.dmp.is_none() || (self.corrects() && fed());
        if self.oppositions.mail.is_some() {
            (route.flags.to_professionals, route.flags.to_patient) = (false, false);
        }
        route
    }
}

/// The record of what does not go out of a document: one `Provenance`, not a Task for each report.
pub(in crate::interaction) fn record(withheld: &[Withheld], document: &str, at: Timestamp) -> Option<Value> {
    if withheld.is_empty() {
        return None;
    }
    let mut consents: Vec<&String> = withheld.iter().filter_map(|one| one.consent.as_ref()).collect();
    consents.sort();
    consents.dedup();
    let reasons: Vec<Value> = withheld.iter().map(|one| json!({"text": one.text()})).collect();
    let mut record = json!({
        "resourceType": "Provenance",
        "target": [{"reference": document}],
        "recorded": instant(at),
        "activity": {"text": "Diffusion restreinte"},
        "reason": reasons,
        "agent": [{"who": {
            "type": "Device",
            "identifier": {"system": format!("{BASE}/NamingSystem/software"), "value": "vigie"},
            "display": "Vigie",
        }}],
    });
    if !consents.is_empty() {
        let source = |consent: &String| json!({"role": "source", "what": {"reference": consent}});
        record["entity"] = consents.into_iter().map(source).collect();
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(id: &str, code: &str) -> Value {
        json!({"resourceType": "Consent", "id": id, "status": "active", "provision": {
            "type": "deny", "code": [{"coding": [{"system": OPPOSITION, "code": code}]}]}})
    }

    fn read(consents: &[Value]) -> Oppositions {
        let mut found = Oppositions::default();
        for consent in consents {
            found.add(consent, "2026-03-09T14:20:00Z".parse().unwrap());
        }
        found
    }

    #[test]
    fn an_opposition_is_a_denial_of_its_code_that_holds_now() {
        let both = read(&[consent("a", TO_DMP), consent("b", TO_MAIL)]);
        assert_eq!((both.dmp.as_deref(), both.mail.as_deref()), (Some("Consent/a"), Some("Consent/b")));
        let nothing = |change: fn(&mut Value)| {
            let mut consent = consent("a", TO_DMP);
            change(&mut consent);
            assert_eq!(read(&[consent.clone()]), Oppositions::default(), "{consent}");
        };
        nothing(|consent| consent["provision"]["type"] = json!("permit"));
        nothing(|consent| consent["provision"]["code"][0]["coding"][0]["system"] = json!("https://other"));
        nothing(|consent| consent["provision"]["period"] = json!({"end": "2026-03-08"}));
        nothing(|consent| consent["provision"]["period"] = json!({"start": "2026-03-10"}));
        nothing(|consent| drop(consent.as_object_mut().unwrap().remove("provision")));
        let mut of_today = consent("a", TO_DMP);
        of_today["provision"]["period"] = json!({"start": "2026-03-09", "end": "2026-03-09"});
        assert_eq!(read(&[of_today]).dmp.as_deref(), Some("Consent/a"));
    }

    #[test]
    fn what_does_not_go_out_is_one_sound_record() {
        let one = |what, consent: Option<&str>| Withheld {
            destination: "dmp".to_owned(),
            what,
            consent: consent.map(str::to_owned),
        };
        let at = "2026-03-09T14:20:00Z".parse().unwrap();
        let withheld =
            [one(What::Dmp, Some("Consent/a")), one(What::Mail, Some("Consent/a")), one(What::Dmp, None)];
        let record = record(&withheld, "DocumentReference/d", at).unwrap();
        assert_eq!(record["entity"].as_array().map(Vec::len), Some(1));
        let text = record["reason"].to_string();
        for word in ["« dmp »", "s'oppose à l'alimentation du DMP", "MSSanté", "restreinte"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        let issues = crate::fhir::structure::check(&record);
        assert!(issues.iter().all(|one| one.severity < Severity::Error), "{issues:?}");
        assert_eq!(super::record(&[], "DocumentReference/d", at), None);
        assert_eq!(withheld[0].issue().severity, Severity::Information);
    }
}
