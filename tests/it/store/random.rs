//! Resources and searches at random, from a seed: few values, so that they meet often.

use vigie::json::{Value, json};

/// Throws dice; the same seed gives the same throws.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % n as u64).unwrap()
    }

    /// Once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn text(&mut self, all: &[&str]) -> String {
        self.pick(all).to_owned()
    }
}

const SYSTEMS: &[&str] = &["urn:a", "urn:b", ""];
const CODES: &[&str] = &["a", "b", "c", "A", "x,y", "x|y", "x$y", "x\\y"];
const SHOWN: &[&str] = &["Appel", "Appel urgent", "Éveil", "visite"];
const FAMILIES: &[&str] = &["PAT-TROIS", "Pat-Quatre", "Éloi", "eloise", "Œdipe", "DE  LA Rue", "%", "a_b"];
const GIVEN: &[&str] = &["Anne", "ANNÉ", "Zoé", "Dominique"];
const DAYS: &[&str] =
    &["2025", "2026", "2026-03", "2026-02", "2026-03-28", "2026-03-29", "2026-03-30", "2025-12-31"];
const TIMES: &[&str] = &[
    "2026-03-29T00:30:00+01:00",
    "2026-03-29T10:00:00+02:00",
    "2026-03-28T23:59:59Z",
    "2026-01-01T00:00:00-05:00",
    "2025-12-31T23:30:00Z",
];
const MINUTES: &[&str] = &["2026-03-29T10:00+02:00", "2026-03-28T23:59Z"];
const NUMBERS: &[&str] = &["0", "1", "1.0", "1.5", "1.50", "2", "1500", "-3", "0.0015", "37.25"];
const TASK_STATUS: &[&str] = &["requested", "completed", "on-hold"];
const OBSERVATION_STATUS: &[&str] = &["final", "amended"];
const PRIORITIES: &[&str] = &["routine", "urgent", "asap", "stat"];
const UCUM: &str = "http://unitsofmeasure.org";
const FORMS: &[&str] =
    &["https://q.example/w", "https://q.example/w|1", "https://q.example/w|2", "https://q.example/v"];

/// How many there are of each type.
pub(super) const TYPES: &[(&str, usize)] =
    &[("Patient", 9), ("Task", 30), ("Observation", 40), ("Provenance", 15), ("QuestionnaireResponse", 10)];

fn coding(dice: &mut Dice) -> Value {
    let mut coding = json!({"code": dice.pick(CODES)});
    let system = dice.pick(SYSTEMS);
    if !system.is_empty() {
        coding["system"] = system.into();
    }
    if dice.once_in(2) {
        coding["display"] = dice.pick(SHOWN).into();
    }
    coding
}

fn concept(dice: &mut Dice) -> Value {
    let codings: Vec<_> = (0..dice.below(4)).map(|_| coding(dice)).collect();
    let mut concept = json!({});
    if codings.is_empty() || dice.once_in(3) {
        concept["text"] = dice.pick(SHOWN).into();
    }
    if !codings.is_empty() {
        concept["coding"] = codings.into();
    }
    concept
}

fn identifier(dice: &mut Dice) -> Value {
    match dice.pick(SYSTEMS) {
        "" => json!({"value": dice.pick(CODES)}),
        system => json!({"system": system, "value": dice.pick(CODES)}),
    }
}

fn moment(dice: &mut Dice) -> String {
    if dice.once_in(2) { dice.text(DAYS) } else { dice.text(TIMES) }
}

fn period(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => json!({"start": moment(dice)}),
        1 => json!({"end": moment(dice)}),
        _ => json!({"start": dice.pick(&["2025", "2025-12-31", "2026-01-01T00:00:00-05:00"]),
            "end": dice.pick(&["2026-03-28", "2026-03", "2026-03-29T10:00:00+02:00"])}),
    }
}

fn amount(dice: &mut Dice) -> Value {
    let value: Value = serde_json::from_str(dice.pick(NUMBERS)).unwrap();
    match dice.below(3) {
        0 => json!({"value": value}),
        1 => json!({"value": value, "unit": "mg"}),
        _ => {
            json!({"value": value, "system": UCUM, "code": dice.pick(&["mg", "g", "kg", "mm[Hg]"]), "unit": "u"})
        }
    }
}

fn reference(dice: &mut Dice, types: &[&str]) -> Value {
    let rtype = dice.pick(types);
    let count = TYPES.iter().find(|(name, _)| *name == rtype).map_or(3, |(_, count)| *count);
    json!({"reference": format!("{rtype}/{}", id(rtype, dice.below(count)))})
}

pub(super) fn id(rtype: &str, n: usize) -> String {
    format!("{}{n}", rtype[..1].to_lowercase())
}

/// The elements of a resource of that type, without what every resource has.
pub(super) fn resource(dice: &mut Dice, rtype: &str) -> Value {
    match rtype {
        "Patient" => patient(dice),
        "Task" => task(dice),
        "Observation" => observation(dice),
        "Provenance" => {
            let targets: Vec<_> =
                (0..=dice.below(2)).map(|_| reference(dice, &["Task", "Observation", "Patient"])).collect();
            json!({"target": targets, "recorded": dice.pick(TIMES), "agent": [{"who": reference(dice, &["Practitioner"])}]})
        }
        _ => {
            let mut response =
                json!({"status": dice.pick(&["completed", "amended"]), "questionnaire": dice.pick(FORMS)});
            some(dice, &mut response, "subject", |dice| reference(dice, &["Patient"]));
            some(dice, &mut response, "authored", |dice| moment(dice).into());
            response
        }
    }
}

/// Adds the element two times in three.
fn some(dice: &mut Dice, resource: &mut Value, name: &str, make: fn(&mut Dice) -> Value) {
    if !dice.once_in(3) {
        resource[name] = make(dice);
    }
}

fn several(dice: &mut Dice, most: usize, make: fn(&mut Dice) -> Value) -> Value {
    (0..=dice.below(most)).map(|_| make(dice)).collect::<Vec<_>>().into()
}

fn patient(dice: &mut Dice) -> Value {
    let mut patient = json!({});
    some(dice, &mut patient, "identifier", |dice| several(dice, 2, identifier));
    some(dice, &mut patient, "active", |dice| dice.once_in(2).into());
    some(dice, &mut patient, "name", |dice| {
        several(dice, 2, |dice| {
            let given: Vec<_> = (0..=dice.below(2)).map(|_| dice.pick(GIVEN)).collect();
            json!({"family": dice.pick(FAMILIES), "given": given})
        })
    });
    some(dice, &mut patient, "gender", |dice| dice.pick(&["female", "male"]).into());
    some(dice, &mut patient, "birthDate", |dice| dice.pick(DAYS).into());
    patient
}

fn task(dice: &mut Dice) -> Value {
    let mut task = json!({"status": dice.pick(TASK_STATUS), "intent": "order"});
    some(dice, &mut task, "priority", |dice| dice.pick(PRIORITIES).into());
    some(dice, &mut task, "code", concept);
    some(dice, &mut task, "for", |dice| reference(dice, &["Patient", "Patient", "Group"]));
    some(dice, &mut task, "owner", |dice| {
        let mut owner = reference(dice, &["Practitioner", "Organization"]);
        owner["identifier"] = identifier(dice);
        owner
    });
    some(dice, &mut task, "focus", |dice| reference(dice, &["Observation", "QuestionnaireResponse"]));
    some(dice, &mut task, "basedOn", |dice| several(dice, 2, |dice| reference(dice, &["CarePlan", "Task"])));
    some(dice, &mut task, "authoredOn", |dice| moment(dice).into());
    some(dice, &mut task, "executionPeriod", period);
    some(dice, &mut task, "identifier", |dice| several(dice, 2, identifier));
    task
}

fn value(dice: &mut Dice, of: &mut Value) {
    match dice.below(6) {
        0 | 1 => of["valueQuantity"] = amount(dice),
        2 => of["valueCodeableConcept"] = concept(dice),
        3 => of["valueString"] = dice.pick(SHOWN).into(),
        4 => of["valuePeriod"] = period(dice),
        _ => {}
    }
}

fn observation(dice: &mut Dice) -> Value {
    let mut observation = json!({"status": dice.pick(OBSERVATION_STATUS), "code": concept(dice)});
    some(dice, &mut observation, "category", |dice| several(dice, 2, concept));
    some(dice, &mut observation, "subject", |dice| reference(dice, &["Patient"]));
    match dice.below(5) {
        0 | 1 => observation["effectiveDateTime"] = moment(dice).into(),
        2 => observation["effectivePeriod"] = period(dice),
        3 => observation["effectiveTiming"] = json!({"event": several(dice, 2, |dice| moment(dice).into())}),
        _ => {}
    }
    value(dice, &mut observation);
    some(dice, &mut observation, "performer", |dice| {
        several(dice, 2, |dice| reference(dice, &["Practitioner", "Patient"]))
    });
    if dice.once_in(2) {
        observation["component"] = several(dice, 2, |dice| {
            let mut component = json!({"code": concept(dice)});
            value(dice, &mut component);
            component
        });
    }
    observation
}

/// A parameter, and how values for it are made.
type Asked = (&'static str, fn(&mut Dice) -> String);

/// What is asked of a type.
fn asked(rtype: &str) -> &'static [Asked] {
    match rtype {
        "Patient" => PATIENT,
        "Task" => TASK,
        "Observation" => OBSERVATION,
        "Provenance" => PROVENANCE,
        _ => RESPONSE,
    }
}

const PATIENT: &[Asked] = &[
    ("identifier", a_token),
    ("active", |dice| dice.text(&["true", "false"])),
    ("gender", |dice| dice.text(&["female", "http://hl7.org/fhir/administrative-gender|male", "urn:a|male"])),
    ("birthdate", a_date),
    ("family", a_text),
    ("given", a_text),
    ("name", a_text),
    ("_has:Task:patient:status", |dice| dice.text(TASK_STATUS)),
    ("_has:Task:subject:code", a_token),
    ("_has:Observation:patient:value-quantity", a_quantity),
    ("_has:Observation:performer:code:not", a_token),
    ("_has:QuestionnaireResponse:subject:questionnaire", a_form),
    ("_has:Provenance:target:recorded", a_date),
];

const TASK: &[Asked] = &[
    ("status", |dice| dice.text(&["requested", "completed", "http://hl7.org/fhir/task-status|on-hold"])),
    ("priority", |dice| dice.text(PRIORITIES)),
    ("code", a_token),
    ("identifier", a_token),
    ("patient", |dice| a_reference(dice, &["Patient"])),
    ("subject", |dice| full(dice, &["Patient", "Group"])),
    ("subject:Patient", |dice| a_reference(dice, &["Patient"])),
    ("owner", |dice| a_reference(dice, &["Practitioner", "Organization"])),
    ("owner:identifier", a_token),
    ("focus", |dice| full(dice, &["Observation", "QuestionnaireResponse"])),
    ("based-on", |dice| full(dice, &["CarePlan", "Task"])),
    ("authored-on", a_date),
    ("period", a_date),
    ("patient.family", a_text),
    ("patient.birthdate", a_date),
    ("subject:Patient.gender", |dice| dice.text(&["female", "male"])),
    ("patient.active:missing", |dice| dice.text(&["true", "false"])),
    ("focus:Observation.code", a_token),
    ("based-on:Task.status:not", |dice| dice.text(TASK_STATUS)),
    ("_has:Provenance:target:agent", |dice| full(dice, &["Practitioner"])),
    ("_has:Task:based-on:status", |dice| dice.text(TASK_STATUS)),
    ("_id", |dice| format!("t{}", dice.below(30))),
    ("_lastUpdated", a_date),
];

const OBSERVATION: &[Asked] = &[
    ("status", |dice| dice.text(OBSERVATION_STATUS)),
    ("code", a_token),
    ("category", a_token),
    ("combo-code", a_token),
    ("component-code", a_token),
    ("patient", |dice| a_reference(dice, &["Patient"])),
    ("performer", |dice| full(dice, &["Practitioner", "Patient"])),
    ("date", a_date),
    ("value-quantity", a_quantity),
    ("combo-value-quantity", a_quantity),
    ("value-concept", a_token),
    ("combo-value-concept", a_token),
    ("value-string", a_text),
    ("value-date", a_date),
    ("code-value-quantity", |dice| format!("{}${}", a_token(dice), a_quantity(dice))),
    ("combo-code-value-quantity", |dice| format!("{}${}", a_token(dice), a_quantity(dice))),
    ("component-code-value-quantity", |dice| format!("{}${}", a_token(dice), a_quantity(dice))),
    ("combo-code-value-concept", |dice| format!("{}${}", a_token(dice), a_token(dice))),
    ("code-value-string", |dice| format!("{}${}", a_token(dice), a_text(dice))),
    ("patient.name", a_text),
    ("performer:Patient.family", a_text),
    ("_has:Task:focus:priority", |dice| dice.text(PRIORITIES)),
    ("_has:Provenance:target:agent", |dice| full(dice, &["Practitioner"])),
];

const PROVENANCE: &[Asked] = &[
    ("target", |dice| full(dice, &["Task", "Observation", "Patient"])),
    ("patient", |dice| a_reference(dice, &["Patient"])),
    ("recorded", a_date),
    ("agent", |dice| full(dice, &["Practitioner"])),
    ("target:Task.status", |dice| dice.text(TASK_STATUS)),
    ("target:Observation.combo-code", a_token),
    ("patient.given", a_text),
];

const RESPONSE: &[Asked] = &[
    ("questionnaire", a_form),
    ("status", |dice| dice.text(&["completed", "amended"])),
    ("subject", |dice| full(dice, &["Patient"])),
    ("subject:Patient", |dice| a_reference(dice, &["Patient"])),
    ("authored", a_date),
    ("patient.identifier", a_token),
    ("_has:Task:focus:code", a_token),
];

fn escaped(text: &str) -> String {
    ["\\", ",", "|", "$"].iter().fold(text.to_owned(), |text, one| text.replace(one, &format!("\\{one}")))
}

fn a_token(dice: &mut Dice) -> String {
    let code = escaped(dice.pick(CODES));
    match dice.below(5) {
        0 => format!("urn:a|{code}"),
        1 => format!("|{code}"),
        2 => "urn:b|".to_owned(),
        _ => code,
    }
}

fn a_text(dice: &mut Dice) -> String {
    escaped(
        dice.pick(&[
            "pat", "PAT-", "elo", "Éloi", "oe", "de la", "ann", "ANNÉ", "zoe", "%", "a_", "appel", "e",
        ]),
    )
}

fn a_date(dice: &mut Dice) -> String {
    let prefix = dice.pick(&["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]);
    let all = [DAYS, TIMES, MINUTES][dice.below(3)];
    format!("{prefix}{}", dice.pick(all))
}

fn a_quantity(dice: &mut Dice) -> String {
    let prefix = dice.pick(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]);
    let unit = match dice.below(4) {
        0 => "||mg".to_owned(),
        1 => format!("|{UCUM}|{}", dice.pick(&["mg", "g", "kg", "mm[Hg]"])),
        _ => String::new(),
    };
    format!("{prefix}{}{unit}", dice.pick(NUMBERS))
}

fn a_form(dice: &mut Dice) -> String {
    dice.text(FORMS)
}

fn full(dice: &mut Dice, types: &[&str]) -> String {
    reference(dice, types)["reference"].as_str().unwrap().to_owned()
}

/// With the type, or the id alone.
fn a_reference(dice: &mut Dice, types: &[&str]) -> String {
    let whole = full(dice, types);
    if dice.once_in(2) { whole } else { whole.split('/').nth(1).unwrap().to_owned() }
}

/// A search on that type: its criteria, and its order or nothing.
pub(super) fn search(dice: &mut Dice, rtype: &str) -> (Vec<(String, String)>, &'static str) {
    let criteria = (0..dice.below(4)).map(|_| criterion(dice, rtype)).collect();
    let sorts: &[&str] = match rtype {
        "Patient" => {
            &["family", "-family", "birthdate", "-birthdate", "gender,-given", "-identifier", "-_lastUpdated"]
        }
        "Task" => &[
            "authored-on",
            "-authored-on",
            "-priority,authored-on",
            "priority",
            "code",
            "-code,status",
            "period",
            "-period",
            "-_lastUpdated",
            "status",
        ],
        "Observation" => {
            &["date", "-date", "combo-code", "-combo-code", "value-string", "status,-date", "value-date"]
        }
        "Provenance" => &["recorded", "-recorded"],
        _ => &["-authored", "questionnaire-is-none"],
    };
    let sort = if dice.once_in(2) { "" } else { dice.pick(sorts) };
    (criteria, if sort == "questionnaire-is-none" { "" } else { sort })
}

fn criterion(dice: &mut Dice, rtype: &str) -> (String, String) {
    let (name, value) = dice.pick(asked(rtype));
    let is_plain = !name.contains([':', '.']);
    let kind =
        is_plain.then(|| vigie::fhir::search::parameters(rtype).iter().find(|one| one.name == name).unwrap());
    let modifiers = kind.map(|one| one.modifiers).unwrap_or_default();
    let one = |dice: &mut Dice| {
        if dice.once_in(3) { format!("{},{}", value(dice), value(dice)) } else { value(dice) }
    };
    let modifier =
        if dice.once_in(3) { dice.pick(&["missing", "not", "text", "exact", "contains"]) } else { "" };
    match modifier {
        _ if !modifiers.contains(&modifier) => {
            // Nothing in a name has a second modifier, nor has a truth an alternative.
            let value = if name.ends_with("missing") { value(dice) } else { one(dice) };
            (name.to_owned(), value)
        }
        "missing" => (format!("{name}:missing"), dice.text(&["true", "false"])),
        "text" => (format!("{name}:text"), a_text(dice)),
        modifier => (format!("{name}:{modifier}"), one(dice)),
    }
}
