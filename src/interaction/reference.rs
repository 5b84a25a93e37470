//! References before a write (FHIR R4, `Reference`; `RESTful` API, "conditional references"): what names a resource of this
//! server must name one that exists, and what names it by a search or an identifier becomes literal.

use std::collections::BTreeSet;

use crate::json::{Value, json};

use super::Context;
use super::conditional;
use crate::fhir::{self, element, identifier::Identifier, reference::ReferenceForm};
use crate::problem::{Issue, Problem};
use crate::store::{Look, Stored};

/// Elements in which an identifier alone names a Patient that must be known here.
const SUBJECTS: &[&str] = &["subject", "patient", "for"];

/// One `Reference` element of a resource.
struct Place {
    /// JSON pointer.
    pointer: String,
    /// `FHIRPath` with indexes.
    path: String,
    target: Target,
}

enum Target {
    /// `rewritten` is what it says without the address of this server, with its version.
    Local {
        rtype: String,
        id: String,
        rewritten: Option<String>,
    },
    Search {
        rtype: String,
        params: Vec<(String, String)>,
        identifier: Option<Identifier>,
    },
    Elsewhere(String),
    /// The address of an entry that did not come along; `is_subject` where it says whom the resource is about.
    Urn {
        urn: String,
        is_subject: bool,
    },
}

/// Makes the references of a resource literal where they name it otherwise, and tells those that lead nowhere.
///
/// A reference to a type that is not kept here is left as it is, with a warning, and so is a `urn:uuid:` or `urn:oid:` that is no
/// entry of the same Bundle, but one that says whom the resource is about: it would be about nobody for ever. An absolute reference
/// to this server is made relative; one to another server is left alone.
///
/// # Errors
/// Of the store only: a reference that leads nowhere is an issue in the list returned.
pub(crate) async fn resolve(ctx: &Context, resource: &mut Value) -> Result<Vec<Issue>, Problem> {
    let references = References::of(ctx, resource);
    let named = references.named();
    let mut known = Known::default();
    if !named.is_empty() {
        let look = Look { resources: named, ..Look::default() };
        ctx.store.look(look).await?.resources.iter().flatten().for_each(|stored| known.add(stored));
    }
    references.resolve(ctx, resource, &known).await
}

/// The references of a resource, before it is known which of them lead anywhere.
pub(crate) struct References {
    places: Vec<Place>,
    own: Option<String>,
}

/// Which of the resources that are named by type and id there are.
#[derive(Default)]
pub(crate) struct Known(BTreeSet<String>);

impl Known {
    /// Adds what was read, unless it is deleted.
    pub(crate) fn add(&mut self, stored: &Stored) {
        if !stored.deleted {
            self.0.insert(format!("{}/{}", stored.rtype, stored.id));
        }
    }
}

impl References {
    /// Of a resource that was sent to this server.
    pub(crate) fn of(ctx: &Context, resource: &Value) -> Self {
        let root = element::resource_type(resource).unwrap_or("Resource");
        let mut places = Vec::new();
        collect(resource, &ctx.settings.base_url, &mut vec![Step::Name(root)], &mut places);
        Self { places, own: element::local_reference(resource) }
    }

    /// The resources that are named by type and id, each once.
    pub(crate) fn named(&self) -> Vec<(String, String)> {
        let named = self.places.iter().filter_map(|place| match &place.target {
            Target::Local { rtype, id, .. } => Some((rtype.clone(), id.clone())),
            Target::Search { .. } | Target::Elsewhere(_) | Target::Urn { .. } => None,
        });
        named.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether resolving leaves every reference as it is, whatever there is.
    pub(crate) fn are_literal(&self) -> bool {
        self.places.iter().all(|place| match &place.target {
            Target::Local { rewritten, .. } => rewritten.is_none(),
            Target::Search { .. } => false,
            Target::Elsewhere(_) | Target::Urn { .. } => true,
        })
    }

    /// As [`resolve`], knowing which of [`Self::named`] there are.
    ///
    /// # Errors
    /// Of the store only.
    pub(crate) async fn resolve(
        self,
        ctx: &Context,
        resource: &mut Value,
        known: &Known,
    ) -> Result<Vec<Issue>, Problem> {
        let mut issues = Vec::new();
        for place in self.places {
            match literal(ctx, &place, self.own.as_deref(), &known.0).await? {
                Ok(Some((reference, identifier))) => {
                    rewrite(resource, &place.pointer, reference, identifier);
                }
                Ok(None) => {}
                Err(issue) => issues.push(issue.at(place.path)),
            }
        }
        Ok(issues)
    }
}

/// The literal reference to put there, with the identifier that led to it; `None` to leave it alone.
type Literal = Result<Option<(String, Option<Identifier>)>, Issue>;

async fn literal(
    ctx: &Context,
    place: &Place,
    own: Option<&str>,
    known: &BTreeSet<String>,
) -> Result<Literal, Problem> {
    Ok(match &place.target {
        Target::Elsewhere(rtype) => Err(Issue::warning(
            "not-supported",
            format!(
                "{rtype} is not kept here: the reference is stored as it is and leads nowhere on this server"
            ),
        )),
        Target::Urn { urn, is_subject: true } => {
            Err(unknown("Patient", format!("{urn} is no entry that came along in a transaction")))
        }
        Target::Urn { urn, is_subject: false } => Err(Issue::warning(
            "not-found",
            format!("{urn} is no entry that came along in a transaction: the reference leads nowhere"),
        )),
        Target::Local { rtype, id, rewritten } => {
            let reference = format!("{rtype}/{id}");
            let known =
                own == Some(reference.as_str()) || ctx.store.expects(rtype, id) || known.contains(&reference);
            if known {
                Ok(rewritten.clone().map(|rewritten| (rewritten, None)))
            } else {
                Err(unknown(rtype, format!("{reference} is not known here")))
            }
        }
        Target::Search { rtype, params, .. } if rtype == "Patient" && names_no_system(params) => {
            Err(Issue::error(
                "value",
                "a Patient is meant by an identifier with its system, system|value: the same value may be somebody else's \
             elsewhere",
            ))
        }
        Target::Search { rtype, params, identifier } => {
            let found = if rtype == "Patient" {
                conditional::patients(ctx, params).await
            } else {
                conditional::matches(ctx, rtype, params).await
            };
            let found = match found {
                Ok(found) => found,
                Err(problem) if problem.category == crate::problem::Category::Malformed => {
                    return Ok(Err(Issue::error("value", format!("not a search on {rtype}: {problem}"))));
                }
                Err(problem) => return Err(problem),
            };
            match found.as_slice() {
                [one] => Ok(Some((format!("{rtype}/{}", one.id), identifier.clone()))),
                [] => Err(unknown(rtype, format!("no {rtype} here answers to this reference"))),
                several => Err(ambiguous(rtype, several)),
            }
        }
    })
}

fn unknown(rtype: &str, diagnostics: String) -> Issue {
    let text = if rtype == "Patient" {
        "Le patient désigné n'est pas connu du service"
    } else {
        "Une ressource citée n'est pas connue du service"
    };
    Issue::error("not-found", diagnostics).text(text)
}

/// A person who has to find out who is meant is told between whom.
fn ambiguous(rtype: &str, several: &[Stored]) -> Issue {
    let mut names: Vec<String> = several.iter().map(|one| format!("{rtype}/{}", one.id)).collect();
    names.sort();
    let names = names.join(", ");
    let diagnostics =
        format!("more than one {rtype} here answers to this reference ({names}); it must name exactly one");
    let issue = Issue::error("multiple-matches", diagnostics);
    if rtype != "Patient" {
        return issue;
    }
    issue.text(format!(
        "Plusieurs dossiers portent l'identifiant cité ({names}) : impossible de dire lequel est désigné"
    ))
}

/// Whether a search by identifier would take the value of any system.
fn names_no_system(params: &[(String, String)]) -> bool {
    params.iter().any(|(name, value)| {
        name == "identifier" && value.split_once('|').is_none_or(|(system, _)| system.is_empty())
    })
}

fn rewrite(resource: &mut Value, pointer: &str, reference: String, identifier: Option<Identifier>) {
    let Some(Value::Object(members)) = resource.pointer_mut(pointer) else { return };
    members.insert("reference", reference.into());
    if let Some(identifier) = identifier {
        members
            .entry("identifier")
            .or_insert_with(|| json!({ "system": identifier.system, "value": identifier.value }));
    }
}

/// One step on the way to an element.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Walks the whole resource, contained resources too; the first step is its type.
fn collect<'a>(value: &'a Value, base: &str, steps: &mut Vec<Step<'a>>, places: &mut Vec<Place>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                steps.push(Step::Name(name));
                visit(name, member, base, steps, places);
                steps.pop();
            }
        }
        Value::Array(elements) => {
            let name = steps.iter().rev().find_map(|step| match step {
                Step::Name(name) => Some(*name),
                Step::Index(_) => None,
            });
            for (n, element) in elements.iter().enumerate() {
                steps.push(Step::Index(n));
                visit(name.unwrap_or_default(), element, base, steps, places);
                steps.pop();
            }
        }
        _ => {}
    }
}

fn visit<'a>(name: &str, value: &'a Value, base: &str, steps: &mut Vec<Step<'a>>, places: &mut Vec<Place>) {
    if let Some(target) = target(name, value, base) {
        let (pointer, path) = written(steps);
        places.push(Place { pointer, path, target });
    }
    collect(value, base, steps, places);
}

/// Steps as a JSON pointer and as a `FHIRPath`.
fn written(steps: &[Step<'_>]) -> (String, String) {
    let (mut pointer, mut path) = (String::new(), String::new());
    for (n, step) in steps.iter().enumerate() {
        match step {
            Step::Name(root) if n == 0 => path.push_str(root),
            Step::Name(name) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                path.push('.');
                path.push_str(name);
            }
            Step::Index(index) => {
                pointer.push_str(&format!("/{index}"));
                path.push_str(&format!("[{index}]"));
            }
        }
    }
    (pointer, path)
}

/// What a `Reference` element asks for; `None` for other elements and for references that need nothing.
fn target(name: &str, value: &Value, base: &str) -> Option<Target> {
    match value.get("reference") {
        Some(Value::String(text)) => named(name, text, base, value),
        Some(_) => None,
        None => by_identifier(name, value),
    }
}

fn named(name: &str, text: &str, base: &str, value: &Value) -> Option<Target> {
    let own = fhir::reference::without_base(text, base);
    match fhir::reference::parse(own.unwrap_or(text)) {
        ReferenceForm::Local { rtype, id, .. } if fhir::is_served(rtype) => Some(Target::Local {
            rtype: rtype.to_owned(),
            id: id.to_owned(),
            rewritten: own.map(str::to_owned),
        }),
        ReferenceForm::Local { rtype, .. } => Some(Target::Elsewhere(rtype.to_owned())),
        ReferenceForm::Conditional { rtype, query } if fhir::is_served(rtype) => {
            let params = conditional::parameters(query);
            let identifier = value.get("identifier").is_none().then(|| {
                let token = params.iter().find(|(name, _)| name == "identifier")?;
                Identifier::parse(&token.1).filter(|identifier| !identifier.system.is_empty())
            });
            Some(Target::Search { rtype: rtype.to_owned(), params, identifier: identifier.flatten() })
        }
        ReferenceForm::Conditional { rtype, .. } => Some(Target::Elsewhere(rtype.to_owned())),
        ReferenceForm::Urn(urn) => {
            Some(Target::Urn { urn: urn.to_owned(), is_subject: SUBJECTS.contains(&name) })
        }
        _ => None,
    }
}

fn by_identifier(name: &str, value: &Value) -> Option<Target> {
    if !SUBJECTS.contains(&name) || element::str_at(value, "type").is_some_and(|rtype| rtype != "Patient") {
        return None;
    }
    let identifier = Identifier::of(value.get("identifier")?)?;
    let params = vec![("identifier".to_owned(), conditional::escape(&identifier))];
    Some(Target::Search { rtype: "Patient".to_owned(), params, identifier: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resource: &Value, expected: &[(&str, &str)]) {
        let mut places = Vec::new();
        collect(resource, "https://vigie.test/fhir", &mut vec![Step::Name("R")], &mut places);
        let found: Vec<(String, String)> = places
            .iter()
            .map(|place| {
                assert!(resource.pointer(&place.pointer).is_some(), "{}", place.pointer);
                let target = match &place.target {
                    Target::Local { rtype, id, rewritten } => {
                        format!("{rtype}/{id} {}", rewritten.as_deref().unwrap_or("-"))
                    }
                    Target::Search { rtype, params, identifier } => {
                        format!("{rtype}?{}={} {}", params[0].0, params[0].1, identifier.is_some())
                    }
                    Target::Elsewhere(rtype) => format!("elsewhere {rtype}"),
                    Target::Urn { urn, is_subject } => format!("{urn} {is_subject}"),
                };
                (place.path.clone(), target)
            })
            .collect();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(path, target)| (path.as_str(), target.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_form_of_reference_is_found_at_its_place() {
        check(
            &json!({
                "subject": {"reference": "Patient?identifier=urn:oid:1.2|5"},
                "basedOn": [{"reference": "CarePlan/1"}, {"reference": "https://vigie.test/fhir/CarePlan/2"},
                    {"reference": "https://vigie.test/fhir/CarePlan/2/_history/3"}],
                "author": {"reference": "#me"},
                "encounter": {"reference": "Encounter/9"},
                "source": {"reference": "https://elsewhere.example/Patient/1"}
            }),
            &[
                ("R.subject", "Patient?identifier=urn:oid:1.2|5 true"),
                ("R.basedOn[0]", "CarePlan/1 -"),
                ("R.basedOn[1]", "CarePlan/2 CarePlan/2"),
                ("R.basedOn[2]", "CarePlan/2 CarePlan/2/_history/3"),
                ("R.encounter", "elsewhere Encounter"),
            ],
        );
    }

    #[test]
    fn a_urn_says_whom_it_is_about_or_something_else() {
        let urn = "urn:uuid:0b5cbf7c-3c1c-4a7e-9d0c-6d0b8a7e5f10";
        check(
            &json!({"subject": {"reference": urn}, "target": [{"reference": urn}], "url": urn}),
            &[("R.subject", &format!("{urn} true")), ("R.target[0]", &format!("{urn} false"))],
        );
    }

    #[test]
    fn an_identifier_alone_is_looked_up_for_a_subject_only() {
        let by_identifier = json!({"identifier": {"system": "urn:oid:1.2", "value": "a,b"}});
        check(
            &json!({"subject": by_identifier}),
            &[("R.subject", "Patient?identifier=urn:oid:1.2|a\\,b false")],
        );
        check(&json!({"performer": [by_identifier]}), &[]);
        check(&json!({"subject": {"type": "Group", "identifier": {"value": "1"}}}), &[]);
    }
}
