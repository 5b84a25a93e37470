//! Dates and words as people in France read them; times are those of Europe/Paris.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::input::Input;
use crate::fhir::datetime::{PartialDateTime, Precision};
use crate::judgement::Evidence;

/// Later than this between answering and reception, both moments are shown.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// `02/03/2026 à 10:15`, or the same in UTC and saying so where the zone is not known.
pub(super) fn moment(at: Timestamp) -> String {
    match TimeZone::get("Europe/Paris") {
        Ok(zone) => minute(zone.to_datetime(at)),
        Err(_) => minute(TimeZone::UTC.to_datetime(at)) + " (UTC)",
    }
}

fn minute(at: DateTime) -> String {
    format!("{:02}/{:02}/{:04} à {:02}:{:02}", at.day(), at.month(), at.year(), at.hour(), at.minute())
}

/// When the person answered, if the response tells it to the day at least.
pub(super) fn authored_at(authored: &str) -> Option<Timestamp> {
    let authored = PartialDateTime::parse(authored)?;
    (authored.precision() >= Precision::Day).then(|| authored.lower()).flatten()
}

/// `saisi le … reçu le …`, when the response took more than 24 h to arrive.
pub(super) fn lateness(input: &Input<'_>) -> Option<String> {
    let authored = authored_at(input.authored?)?;
    (input.received.duration_since(authored) > LATE)
        .then(|| format!("saisi le {}, reçu le {}", moment(authored), moment(input.received)))
}

/// French words of a code of `CodeSystem/performer-role`; an unknown code speaks for itself.
pub(super) fn role(code: &str) -> &str {
    match code {
        "ipa" => "Infirmier en pratique avancée",
        "idec" => "Infirmier coordinateur",
        "oncologue" => "Oncologue référent",
        "medecin-garde" => "Médecin de garde",
        other => other,
    }
}

/// French words of a code of `CodeSystem/task-code`; an unknown code speaks for itself.
pub(super) fn action(code: &str) -> &str {
    match code {
        "consultation-presentielle" => "Consultation présentielle",
        "appel-telephonique" => "Appel téléphonique",
        "echange-application" => "Échange via l'application",
        "conseil" => "Conseil au patient",
        "relecture-humaine" => "Relecture humaine",
        "relance" => "Relance",
        other => other,
    }
}

/// Question and answer, with the previous answer where there is one.
pub(super) fn told(evidence: &Evidence) -> String {
    let answer = evidence.answer.as_deref().unwrap_or("sans réponse");
    let colon = if evidence.text.ends_with(['?', ':']) { "" } else { " :" };
    let previous = evidence.previous.as_deref().map(|before| format!(" (précédent : {before})"));
    format!("{}{colon} {answer}{}", evidence.text, previous.unwrap_or_default())
}

/// `1 alerte`, `2 alertes`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n < 2 { one } else { many })
}

/// That a response raised no alert, or none beside those that stay: of those before it this report says nothing.
pub(super) fn no_alert(others_stay: bool) -> &'static str {
    if others_stay {
        "Aucune autre alerte dans cette réponse (les alertes des réponses précédentes ne sont pas reprises ici)."
    } else {
        "Aucune alerte dans cette réponse (celles des réponses précédentes ne sont pas reprises ici)."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_keeps_its_mark_and_a_heading_gets_a_colon() {
        let check = |text: &str, previous: Option<&str>, expected: &str| {
            let evidence = Evidence {
                link_id: "x".to_owned(),
                text: text.to_owned(),
                answer: Some("Non".to_owned()),
                previous: previous.map(str::to_owned),
                place: String::new(),
                free_text: false,
                beyond: None,
            };
            assert_eq!(told(&evidence), expected);
        };
        check("Du sang ?", Some("Oui"), "Du sang ? Non (précédent : Oui)");
        check("Nausées", None, "Nausées : Non");
    }

    #[test]
    fn a_moment_is_told_in_paris_time_on_both_sides_of_a_dst_night() {
        let check = |utc: &str, expected: &str| assert_eq!(moment(utc.parse().unwrap()), expected);
        check("2026-03-29T00:59:00Z", "29/03/2026 à 01:59");
        check("2026-03-29T01:00:00Z", "29/03/2026 à 03:00");
        check("2026-10-25T00:30:00Z", "25/10/2026 à 02:30");
        check("2026-10-25T01:30:00Z", "25/10/2026 à 02:30");
    }

    #[test]
    fn an_authored_date_without_time_is_the_start_of_that_day_in_paris() {
        assert_eq!(authored_at("2026-03-02"), Some("2026-03-01T23:00:00Z".parse().unwrap()));
        assert_eq!(authored_at("2026-03"), None);
    }
}
