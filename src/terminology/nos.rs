//! Codes of the French nomenclature of health (NOS) that headers of documents are made of, each with the display that goes
//! with it: value sets JDV J01, J02, J04, J08, J142, J143 of the CI-SIS (revisions of 2020 to 2024).
//!
//! Of J01 the professions, the ordinal specialties of physicians and the advanced practice of nurses are here; what a
//! table lacks is not known here, which is not to say that it is wrong.

use std::sync::LazyLock;

/// Value sets, by the number that the CI-SIS gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueSet {
    /// J01: profession and specialty of an author.
    AuthorSpecialty,
    /// J02: type of facility.
    FacilityType,
    /// J04: setting of practice.
    PracticeSetting,
    /// J08: confidentiality, and from whom a document is hidden.
    Confidentiality,
    /// J142: type of encounter.
    Encounter,
    /// J143: administrative sex.
    Sex,
}

impl ValueSet {
    const fn name(self) -> &'static str {
        match self {
            Self::AuthorSpecialty => "J01",
            Self::FacilityType => "J02",
            Self::PracticeSetting => "J04",
            Self::Confidentiality => "J08",
            Self::Encounter => "J142",
            Self::Sex => "J143",
        }
    }
}

/// A code with the OID of its system and its French display, as HL7 v3, HL7 v2 and XDS want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub code: String,
    /// OID of its code system.
    pub oid: String,
    /// What it means, in French.
    pub display: String,
}

impl Code {
    /// The code of that system with that display.
    #[must_use]
    pub fn new(code: &str, oid: &str, display: &str) -> Self {
        Self { code: code.to_owned(), oid: oid.to_owned(), display: display.to_owned() }
    }

    /// The code of a value set, with its system and display; none when the table lacks it.
    #[must_use]
    pub fn of(set: ValueSet, code: &str) -> Option<Self> {
        let row = rows().find(|row| row.set == set.name() && row.code == code)?;
        Some(Self::new(row.code, row.oid, row.display))
    }
}

/// The display of a code in the system of that OID, if the tables have the code.
#[must_use]
pub fn display(oid: &str, code: &str) -> Option<&'static str> {
    rows().find(|row| row.oid == oid && row.code == code).map(|row| row.display)
}

#[derive(Clone, Copy)]
struct Row {
    set: &'static str,
    code: &'static str,
    oid: &'static str,
    display: &'static str,
}

fn rows() -> impl Iterator<Item = &'static Row> {
    static ROWS: LazyLock<Vec<Row>> =
        LazyLock::new(|| include_str!("nos.tsv").lines().filter_map(row).collect());
    ROWS.iter()
}

fn row(line: &'static str) -> Option<Row> {
    let mut cells = line.split('\t');
    let (set, code, oid, display) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    cells.next().is_none().then_some(Row { set, code, oid, display })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_no_code_has_two_displays() {
        assert_eq!(rows().count(), include_str!("nos.tsv").lines().count());
        for one in rows() {
            let same = rows().filter(|row| row.oid == one.oid && row.code == one.code);
            for row in same {
                assert_eq!(row.display, one.display, "{}", one.code);
            }
        }
    }

    #[test]
    fn a_code_is_found_with_its_system_and_display() {
        let check = |set, code: &str, expected: Option<(&str, &str)>| {
            let found = Code::of(set, code);
            assert_eq!(
                found.as_ref().map(|code| (code.oid.as_str(), code.display.as_str())),
                expected,
                "{code}"
            );
        };
        check(
            ValueSet::AuthorSpecialty,
            "G15_10/SM36",
            Some(("1.2.250.1.213.1.1.4.5", "Médecin - Oncologie, opt médicale (SM)")),
        );
        check(ValueSet::FacilityType, "SA01", Some(("1.2.250.1.71.4.2.4", "Etablissement public de santé")));
        check(ValueSet::FacilityType, "ETABLISSEMENT", None);
        check(ValueSet::Confidentiality, "N", Some(("2.16.840.1.113883.5.25", "Normal")));
        assert_eq!(display("1.2.250.1.71.4.2.4", "SA01"), Some("Etablissement public de santé"));
        assert_eq!(display("1.2.250.1.71.4.2.4", "SA99"), None);
    }
}
