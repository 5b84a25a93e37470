//! Dates and words as people in France read them; times are those of Europe/Paris.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// The moment on the clocks of France. The zone is compiled in; were it ever absent, UTC is shown as such.
pub(super) fn in_paris(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC))
}

/// `2 mars 2026 à 10 h 15`.
pub(super) fn moment(at: Timestamp) -> String {
    let zoned = in_paris(at);
    format!("{} à {}\u{a0}h\u{a0}{:02}", long_date(zoned.date()), zoned.hour(), zoned.minute())
}

/// `2 mars 2026`; the first of a month is `1er`.
pub(super) fn long_date(date: Date) -> String {
    let day = if date.day() == 1 { "1er".to_owned() } else { date.day().to_string() };
    let month = usize::try_from(date.month() - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!("{day} {month} {}", date.year())
}

/// `mars`, `déc.`; a January says its year.
#[cfg(feature = "pdf")]
pub(super) fn short_month(date: Date) -> String {
    const SHORT: [&str; 12] =
        ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."];
    let month = usize::try_from(date.month() - 1).ok().and_then(|month| SHORT.get(month)).unwrap_or(&"");
    if date.month() == 1 { format!("{month} {}", date.year()) } else { (*month).to_owned() }
}

/// The day of a FHIR `date`, `dateTime` or `instant` in France, if it says one.
pub(super) fn day(written: &str) -> Option<Date> {
    match written.parse::<Timestamp>() {
        Ok(at) => Some(in_paris(at).date()),
        Err(_) => written.get(..10)?.parse().ok(),
    }
}

/// A FHIR date or time as people read it; one that cannot be read is shown as it is written.
pub(super) fn shown(written: &str) -> String {
    match (written.parse::<Timestamp>(), written.parse::<Date>()) {
        (Ok(at), _) => moment(at),
        (_, Ok(date)) => long_date(date),
        _ => written.to_owned(),
    }
}

/// Words of `http://terminology.hl7.org/CodeSystem/data-absent-reason`.
pub(super) fn absent_reason(code: &str) -> &str {
    match code {
        "asked-declined" => "le patient ne sait pas ou préfère ne pas répondre",
        "asked-unknown" => "le patient ne sait pas",
        "not-asked" => "question non posée",
        "not-performed" => "mesure non faite",
        "error" => "réponse illisible",
        "unknown" => "sans réponse",
        other => other,
    }
}

/// Words of `performer-role`; an unknown code speaks for itself.
pub(super) fn role(code: &str) -> &str {
    match code {
        "ipa" => "IPA",
        "idec" => "IDEC",
        "oncologue" => "oncologue",
        "medecin-garde" => "médecin de garde",
        other => other,
    }
}

/// Words of `task-status`.
pub(super) fn task_status(code: &str) -> &str {
    match code {
        "draft" | "requested" | "received" | "ready" => "à faire",
        "accepted" | "in-progress" => "en cours",
        "on-hold" => "en attente",
        "completed" => "fait",
        "cancelled" => "annulé",
        "rejected" => "refusé",
        "failed" => "non abouti",
        other => other,
    }
}

/// Words of `request-priority`.
pub(super) fn priority(code: &str) -> &str {
    match code {
        "routine" => "programmé",
        "urgent" => "dans la journée",
        "asap" => "au plus tôt",
        "stat" => "immédiat",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_paris_time_on_both_sides_of_a_dst_night() {
        let check = |utc: &str, expected: &str| assert_eq!(moment(utc.parse().unwrap()), expected);
        check("2026-03-29T00:59:00Z", "29 mars 2026 à 1\u{a0}h\u{a0}59");
        check("2026-03-29T01:00:00Z", "29 mars 2026 à 3\u{a0}h\u{a0}00");
        check("2026-12-31T23:05:00Z", "1er janvier 2027 à 0\u{a0}h\u{a0}05");
    }

    #[test]
    fn a_date_stays_a_date_and_a_partial_one_is_shown_as_written() {
        assert_eq!(shown("1979-03-28"), "28 mars 1979");
        assert_eq!(shown("1979-03"), "1979-03");
        assert_eq!(day("2026-03-01T23:30:00Z"), Some("2026-03-02".parse().unwrap()));
        assert_eq!(day("2026-03"), None);
    }
}
