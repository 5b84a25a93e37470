//! What the platform is asked to do with a document: the metadata `MetaDMPMSS`, in the order of the guide, and the
//! combinations that it allows ("Règles de gestion pour les échanges MSSanté").

/// The ten flags. Each is sent, as `Y` or `N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// `MASQUE_PS`: hidden from professionals, but for the author.
    pub hidden_from_professionals: bool,
    /// `INVISIBLE_PATIENT`.
    pub hidden_from_patient: bool,
    /// `INVISIBLE_REP_LEGAUX`: hidden from the legal representatives.
    pub hidden_from_representatives: bool,
    /// `CONNEXION_SECRETE`: a minor's access that the representatives do not see.
    pub secret: bool,
    /// `MODIF_CONF_CODE`: this message changes what is hidden from whom.
    pub confidentiality_changed: bool,
    /// `DESTDMP`: feed the national record.
    pub to_dmp: bool,
    /// `DESTMSSANTEPS`: mail to professionals, organisations, mailboxes of applications.
    pub to_professionals: bool,
    /// `DESTMSSANTEPAT`: mail to the patient.
    pub to_patient: bool,
    /// `ACK_RECEPTION`: tell when the DMP and the mail servers have it (ZAM Z01, Z02).
    pub receipt: bool,
    /// `ACK_LECTURE_MSS`: tell when it was read (ZAM Z03).
    pub reading_receipt: bool,
    /// The patient may not answer: NTE-4 `FIN` behind `DESTMSSANTEPAT`.
    pub no_reply_from_patient: bool,
}

/// Which combinations of flags may be sent by MSSanté.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listing {
    /// Those of the guide's table, which calls itself exhaustive.
    #[default]
    Table,
    /// These, and a document that everybody may see sent to professionals only: the table leaves it out, and the
    /// guide's own example of a replacement sends it. Ask the owner of the platform.
    TableAndExamples,
}

impl Flags {
    /// Code, label and value of each, in the order in which they are sent.
    pub(in crate::report) const fn listed(&self) -> [(&'static str, &'static str, bool); 10] {
        [
            ("MASQUE_PS", "Masqué aux professionnels de Santé", self.hidden_from_professionals),
            ("INVISIBLE_PATIENT", "Document Non Visible par le patient", self.hidden_from_patient),
            (
                "INVISIBLE_REP_LEGAUX",
                "Non visible par les représentants Légaux du patient",
                self.hidden_from_representatives,
            ),
            ("CONNEXION_SECRETE", "Connexion Secrete", self.secret),
            ("MODIF_CONF_CODE", "Modification Confidentiality Code", self.confidentiality_changed),
            ("DESTDMP", "Destinataire DMP", self.to_dmp),
            (
                "DESTMSSANTEPS",
                "Destinataire (Professionnel de Santé, organisation ou BAL applicative)",
                self.to_professionals,
            ),
            ("DESTMSSANTEPAT", "Destinataire Patient", self.to_patient),
            ("ACK_RECEPTION", "Accusé de réception", self.receipt),
            ("ACK_LECTURE_MSS", "Accusé de lecture", self.reading_receipt),
        ]
    }

    /// The same, sent to nobody who may not see the document.
    #[must_use]
    pub const fn narrowed(mut self) -> Self {
        self.to_professionals &= !self.hidden_from_professionals;
        self.to_patient &= !self.hidden_from_patient;
        self
    }

    /// The same, without the mails that would make it a combination that is not listed: the copy to the patient first.
    #[must_use]
    pub fn fitted(self, listing: Listing) -> Self {
        let without = |to_professionals, to_patient| Self {
            to_professionals: self.to_professionals && to_professionals,
            to_patient: self.to_patient && to_patient,
            ..self
        };
        let all = [self, without(true, false), without(false, true)];
        all.into_iter().find(|flags| flags.are_listed(listing)).unwrap_or_else(|| without(false, false))
    }

    /// Whether this combination may be sent. Without MSSanté every one may; with it, those of the listing.
    #[must_use]
    pub const fn are_listed(&self, listing: Listing) -> bool {
        let hidden_from_nobody_else = !self.hidden_from_professionals && !self.hidden_from_representatives;
        match (self.to_professionals, self.to_patient) {
            (false, false) => true,
            (true, true) => hidden_from_nobody_else && !self.hidden_from_patient,
            (true, false) => {
                let exemplified = matches!(listing, Listing::TableAndExamples);
                hidden_from_nobody_else && (self.hidden_from_patient || exemplified)
            }
            (false, true) => !self.hidden_from_patient && !self.secret && !self.to_dmp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's table, flag by flag in its order: `Y`, `N`, or `*` for either.
    const TABLE: [&str; 3] = ["NNN***YY**", "NYN***YN**", "*N*N*NNY**"];

    fn flags(bits: u32) -> Flags {
        let set = |at: u32| bits >> at & 1 == 1;
        Flags {
            hidden_from_professionals: set(0),
            hidden_from_patient: set(1),
            hidden_from_representatives: set(2),
            secret: set(3),
            confidentiality_changed: set(4),
            to_dmp: set(5),
            to_professionals: set(6),
            to_patient: set(7),
            receipt: set(8),
            reading_receipt: set(9),
            no_reply_from_patient: false,
        }
    }

    #[test]
    fn all_1024_combinations_are_judged_as_the_table_does() {
        for bits in 0..1024 {
            let flags = flags(bits);
            let values = flags.listed().map(|(_, _, value)| value);
            let row = |row: &&str| {
                row.chars().zip(values).all(|(sign, value)| sign == '*' || (sign == 'Y') == value)
            };
            let by_mail = flags.to_professionals || flags.to_patient;
            let expected = !by_mail || TABLE.iter().any(row);
            assert_eq!(flags.are_listed(Listing::Table), expected, "{flags:?}");
        }
    }

    #[test]
    fn the_combination_of_the_example_is_sent_where_a_site_says_so() {
        let example = Flags { to_dmp: true, to_professionals: true, ..Flags::default() };
        assert!(!example.are_listed(Listing::Table));
        assert!(example.are_listed(Listing::TableAndExamples));
        let hidden = Flags { hidden_from_professionals: true, ..example };
        assert!(!hidden.are_listed(Listing::TableAndExamples));
    }

    #[test]
    fn what_is_left_is_listed_and_mails_nobody_more() {
        for listing in [Listing::Table, Listing::TableAndExamples] {
            for bits in 0..1024 {
                let (flags, fitted) = (flags(bits), flags(bits).fitted(listing));
                assert!(fitted.are_listed(listing), "{flags:?}");
                assert!(
                    flags.to_professionals >= fitted.to_professionals
                        && flags.to_patient >= fitted.to_patient
                );
                assert_eq!(fitted == flags, flags.are_listed(listing), "{flags:?}");
            }
        }
    }

    #[test]
    fn nobody_gets_by_mail_what_is_hidden_from_him() {
        for bits in 0..1024 {
            let narrowed = flags(bits).narrowed();
            assert!(!(narrowed.hidden_from_professionals && narrowed.to_professionals));
            assert!(!(narrowed.hidden_from_patient && narrowed.to_patient));
            assert_eq!(narrowed.to_dmp, flags(bits).to_dmp);
        }
    }
}
