//! Errors of registries and repositories (ITI TF-3 4.2.4): what they mean, in French, and whether trying again helps.

/// What is wrong with a message, as a registry would say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Error code, such as `XDSRegistryMetadataError`.
    pub code: String,
    /// Where, and what would be right; never a value of the metadata.
    pub context: String,
    /// Whether it hindered.
    pub severity: Severity,
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It was not done.
    Error,
    /// It was done.
    Warning,
}

impl Fault {
    /// An error.
    #[must_use]
    pub fn error(code: &str, context: impl Into<String>) -> Self {
        Self { code: code.to_owned(), context: context.into(), severity: Severity::Error }
    }
}

/// Error codes: the name, what people read, and whether the condition passes by itself. Those of IHE, and of the DMP the one
/// that public sources show; its own list is not public.
const CODES: &[(&str, &str, bool)] = &[
    ("XDSMissingDocument", "un document annoncé n'a pas été transmis", false),
    ("XDSMissingDocumentMetadata", "un document transmis n'est pas décrit", false),
    ("XDSNonIdenticalHash", "ce document existe déjà avec un autre contenu", false),
    ("XDSRegistryDuplicateUniqueIdInMessage", "un identifiant figure deux fois dans l'envoi", false),
    ("XDSDuplicateUniqueIdInRegistry", "un document porte déjà cet identifiant", false),
    ("XDSRegistryDeprecatedDocumentError", "le document visé n'est plus à jour", false),
    ("XDSRegistryMetadataError", "les métadonnées sont refusées", false),
    ("XDSRepositoryMetadataError", "les métadonnées sont refusées", false),
    ("XDSReplaceFailed", "le document à remplacer est introuvable ou n'est plus à jour", false),
    ("XDSUnknownPatientId", "le patient est inconnu du registre", false),
    ("XDSPatientIdDoesNotMatch", "l'identité du patient diffère d'une fiche à l'autre", false),
    ("XDSUnavailableCommunity", "le service est indisponible", true),
    ("XDSRegistryBusy", "le registre est occupé", true),
    ("XDSRepositoryBusy", "l'entrepôt est occupé", true),
    ("XDSRegistryOutOfResources", "le registre manque de ressources", true),
    ("XDSRepositoryOutOfResources", "l'entrepôt manque de ressources", true),
    ("XDSRegistryNotAvailable", "le registre est indisponible", true),
    ("XDSRegistryError", "erreur interne du registre", true),
    ("XDSRepositoryError", "erreur interne de l'entrepôt", true),
    ("XDSStoredQueryMissingParam", "la recherche est incomplète", false),
    ("XDSUnknownStoredQuery", "la recherche n'est pas prise en charge", false),
    ("XDSMetadataUpdateError", "la mise à jour des métadonnées est refusée", false),
    ("XDSMetadataUpdateOperationError", "cette mise à jour n'est pas prise en charge", false),
    ("XDSMetadataVersionError", "les métadonnées ont changé entre-temps", true),
    ("XDSMetadataIdentifierError", "un identifiant de fiche est refusé", false),
    ("UnresolvedReferenceException", "une fiche visée est introuvable", false),
    ("DMPClosed", "le DMP du patient est fermé", false),
];

/// The code without what stands before its last `:` or `#`.
fn bare(code: &str) -> &str {
    code.rsplit([':', '#']).next().unwrap_or(code)
}

/// What an error code means, in French; unknown ones are told as such.
#[must_use]
pub fn french(code: &str) -> &'static str {
    let bare = bare(code);
    CODES.iter().find(|(name, _, _)| *name == bare).map_or("refus sans motif connu ici", |(_, text, _)| text)
}

/// Whether the condition passes by itself. A code that is not known here does not: a person looks at it.
#[must_use]
pub fn passes(code: &str) -> bool {
    let bare = bare(code);
    CODES.iter().any(|(name, _, passes)| *name == bare && *passes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_with_or_without_its_name_space() {
        let check = |code: &str, text: &str, expected: bool| {
            assert!(french(code).contains(text), "{code}: {}", french(code));
            assert_eq!(passes(code), expected, "{code}");
        };
        check("XDSUnknownPatientId", "inconnu", false);
        check("urn:oasis:names:tc:ebxml-regrep:ErrorCodeType:XDSRegistryBusy", "occupé", true);
        check("DMPClosed", "fermé", false);
        check("QuelqueChose", "sans motif connu", false);
    }

    #[test]
    fn every_code_stands_once() {
        let mut names: Vec<&str> = CODES.iter().map(|(name, _, _)| *name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
