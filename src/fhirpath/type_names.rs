//! The names of types: System types (`FHIRPath` 2.0.0 section 10) and those of R4
//! (<https://hl7.org/fhir/R4/datatypes.html>, <https://hl7.org/fhir/R4/resourcelist.html>).

/// The types of `FHIRPath` itself.
pub(super) const SYSTEM: &[&str] =
    &["Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"];

/// Primitive types of R4.
pub(super) const PRIMITIVES: &[&str] = &[
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
    "xhtml",
];

/// Complex types of R4.
const COMPLEX: &[&str] = &[
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "BackboneElement",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Distance",
    "Dosage",
    "Duration",
    "Element",
    "ElementDefinition",
    "Expression",
    "Extension",
    "HumanName",
    "Identifier",
    "MarketingStatus",
    "Meta",
    "Money",
    "MoneyQuantity",
    "Narrative",
    "ParameterDefinition",
    "Period",
    "Population",
    "ProdCharacteristic",
    "ProductShelfLife",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "SimpleQuantity",
    "SubstanceAmount",
    "Timing",
    "TriggerDefinition",
    "UsageContext",
];

/// Resource types of R4, the two abstract ones included.
const RESOURCES: &str = "Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment \
AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle \
CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse \
ClinicalImpression CodeSystem Communication CommunicationRequest CompartmentDefinition Composition \
ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse \
DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport \
DocumentManifest DocumentReference DomainResource EffectEvidenceSynthesis Encounter Endpoint \
EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable \
ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse \
HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation \
ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure MeasureReport Media \
Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest \
MedicationStatement MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication \
MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction \
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical \
MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem \
NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome Organization \
OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition \
Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson \
RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject Resource \
RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen \
SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid \
SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial \
SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript \
ValueSet VerificationResult VisionPrescription";

/// Every R4 type name.
pub(super) fn fhir() -> impl Iterator<Item = &'static str> {
    PRIMITIVES.iter().chain(COMPLEX).copied().chain(RESOURCES.split_ascii_whitespace())
}

/// Whether R4 has a type of that name.
pub(super) fn is_fhir(name: &str) -> bool {
    fhir().any(|known| known == name)
}

/// Whether R4 has a resource type of that name.
pub(super) fn is_resource(name: &str) -> bool {
    RESOURCES.split_ascii_whitespace().any(|known| known == name)
}

/// The type that the end of a JSON choice name spells: `Quantity`, `DateTime` (for `dateTime`).
pub(super) fn of_suffix(suffix: &str) -> Option<&'static str> {
    if !suffix.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let primitive = PRIMITIVES.iter().find(|name| {
        name.len() == suffix.len() && name[1..] == suffix[1..] && name[..1].eq_ignore_ascii_case(&suffix[..1])
    });
    primitive.or_else(|| COMPLEX.iter().find(|name| **name == suffix)).copied()
}

/// The type at the end of a whole JSON choice name such as `valueQuantity` or `effectiveDateTime`.
pub(super) fn of_choice_name(name: &str) -> Option<&'static str> {
    name.char_indices()
        .skip(1)
        .filter(|(_, c)| c.is_ascii_uppercase())
        .find_map(|(at, _)| of_suffix(&name[at..]))
}
