//! The HL7 v2 data types that XDS metadata are written in (ITI TF-3 4.2.3.1.7, CI-SIS *Partage de documents de santé*).

/// The OID of professionals' national identifiers.
pub const OID_PROFESSIONAL: &str = "1.2.250.1.71.4.2.1";
/// The OID of structures' national identifiers.
pub const OID_STRUCTURE: &str = "1.2.250.1.71.4.2.2";

/// A part of a data type with its delimiters escaped (HL7 v2.5, 2.7.1).
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\\' => out.push_str("\\E\\"),
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            sign if sign.is_control() => out.push(' '),
            sign => out.push(sign),
        }
    }
    out
}

/// A number with who assigned it: `number^^^&oid&ISO^type`.
#[must_use]
pub fn cx(number: &str, oid: &str, kind: &str) -> String {
    format!("{}^^^&{oid}&ISO^{kind}", escaped(number))
}

/// A professional: `810001234567^NAME^First^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS`.
///
/// A number within a structure (it has a `/`) is of type `EI`, a national one of type `IDNPS`.
#[must_use]
pub fn person(id: &str, family: &str, given: &str) -> String {
    let kind = if id.contains('/') { "EI" } else { "IDNPS" };
    format!("{}^{}^{}^^^^^^&{OID_PROFESSIONAL}&ISO^D^^^{kind}", escaped(id), escaped(family), escaped(given))
}

/// A device or software: name type `U`, identifier type `RI`; the OID of the installation assigns the number.
///
/// The name stands where a person's family name does, the model where the first name does: that is how we read the table
/// of the CI-SIS, of which no example is published.
#[must_use]
pub fn device(id: &str, oid: &str, name: &str, model: &str) -> String {
    format!("{}^{}^{}^^^^^^&{oid}&ISO^U^^^RI", escaped(id), escaped(name), escaped(model))
}

/// A structure: `Name^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1990000001`.
#[must_use]
pub fn structure(name: &str, id: &str) -> String {
    format!("{}^^^^^&{OID_STRUCTURE}&ISO^IDNST^^^{}", escaped(name), escaped(id))
}

/// A code as a value of a slot: `code^display^scheme`.
#[must_use]
pub fn coded(code: &super::Code) -> String {
    format!("{}^{}^{}", escaped(&code.code), escaped(&code.display), escaped(&code.scheme))
}

/// Whether that is a CX with a number, an OID and a type, and nothing else.
pub(super) fn is_cx(value: &str) -> bool {
    let parts: Vec<&str> = value.split('^').collect();
    matches!(parts.as_slice(), [number, "", "", authority, kind]
        if !number.is_empty() && is_authority(authority) && !kind.is_empty())
}

/// Whether that is an XCN with a name or a number, and with who assigned the number if there is one.
pub(super) fn is_xcn(value: &str) -> bool {
    let part = |n: usize| value.split('^').nth(n).unwrap_or_default();
    let named = !part(1).is_empty();
    let numbered = part(0).is_empty() || (is_authority(part(8)) && !part(12).is_empty());
    (named || !part(0).is_empty())
        && numbered
        && value.split('^').count() <= 13
        && matches!(part(9), "D" | "U" | "L" | "")
}

/// Whether that is an XON with a name, and with who assigned the number if there is one.
pub(super) fn is_xon(value: &str) -> bool {
    let part = |n: usize| value.split('^').nth(n).unwrap_or_default();
    let numbered = part(9).is_empty() || (is_authority(part(5)) && !part(6).is_empty());
    !part(0).is_empty() && numbered && value.split('^').count() <= 10
}

fn is_authority(value: &str) -> bool {
    let parts: Vec<&str> = value.split('&').collect();
    matches!(parts.as_slice(), ["", oid, "ISO"] if is_oid(oid))
}

/// Whether that is an OID of at most 64 signs.
pub(super) fn is_oid(oid: &str) -> bool {
    let arcs: Vec<&str> = oid.split('.').collect();
    let arc = |arc: &&str| {
        !arc.is_empty()
            && arc.bytes().all(|sign| sign.is_ascii_digit())
            && (*arc == "0" || !arc.starts_with('0'))
    };
    oid.len() <= 64
        && arcs.len() > 1
        && arcs.iter().all(arc)
        && matches!(arcs.first(), Some(&("0" | "1" | "2")))
}

/// Whether that is a time: from year to second, an even number of digits, each in its range.
pub(super) fn is_time(time: &str) -> bool {
    let digits = time.len() >= 4
        && time.len() <= 14
        && time.len().is_multiple_of(2)
        && time.bytes().all(|b| b.is_ascii_digit());
    let part = |at: usize| time.get(at..at + 2).and_then(|text| text.parse::<u8>().ok());
    let within = |at: usize, low: u8, high: u8| part(at).is_none_or(|value| (low..=high).contains(&value));
    digits
        && within(4, 1, 12)
        && within(6, 1, 31)
        && within(8, 0, 23)
        && within(10, 0, 59)
        && within(12, 0, 59)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_ci_sis_are_written() {
        assert_eq!(
            person("810001234567", "ONCOLOGUE-TEST", "Essai"),
            "810001234567^ONCOLOGUE-TEST^Essai^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
        );
        assert!(person("3990000001/7", "A", "B").ends_with("^D^^^EI"));
        assert_eq!(
            structure("CENTRE DE TEST", "1990000001"),
            "CENTRE DE TEST^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1990000001"
        );
        assert_eq!(
            cx("279035121518989", "1.2.250.1.213.1.4.10", "NH"),
            "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"
        );
        assert_eq!(structure("A & B^C", "1"), "A \\T\\ B\\S\\C^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1");
        for xcn in [person("8", "a&b", "c^d"), device("1", "1.2.3", "Vigie", "0.1")] {
            assert!(is_xcn(&xcn), "{xcn}");
        }
        assert!(is_xon(&structure("A & B^C", "1")));
    }

    #[test]
    fn other_forms_are_told_apart() {
        for cx in
            ["1", "1^^^&1.2.3&ISO", "^^^&1.2.3&ISO^NH", "1^^^1.2.3^NH", "1^^^&x&ISO^NH", "1^^^&1.2&ISO^NH^x"]
        {
            assert!(!is_cx(cx), "{cx}");
        }
        for xcn in ["", "8", "8^A^B^^^^^^&1.2.3&ISO^X^^^IDNPS", "8^A^B^^^^^^&1.2.3&ISO^D", "8^A^B"] {
            assert!(!is_xcn(xcn), "{xcn}");
        }
        assert!(is_xcn("^A^B"));
        assert!(!is_xon("^^^^^&1.2.3&ISO^IDNST^^^1") && !is_xon("A^^^^^^^^^1") && is_xon("A"));
        for oid in ["1", "1.02", "3.1", "1.2.x", "1..2", ""] {
            assert!(!is_oid(oid), "{oid}");
        }
        assert!(!is_oid(&format!("2.25.{}", "9".repeat(60))));
        for time in
            ["202613", "2026030924", "20260309142", "2026-03-09", "20260309142000+0100", "202603091420001"]
        {
            assert!(!is_time(time), "{time}");
        }
        assert!(is_time("20260309142000") && is_time("2026"));
    }
}
