//! Publishing a definition: compiled before it is stored, and immutable under its `url|version` once it is active
//! (FHIR R4, `PublicationStatus`; canonical addresses, <https://hl7.org/fhir/R4/references.html#canonical>).

use std::sync::Arc;

use crate::json::Value;

use super::library::{self, Canonical, DEFINITIONS, Form, Plan};
use super::{Context, content};
use crate::fhir::element;
use crate::problem::{Category, Issue, Problem};
use crate::store::Guard;
use crate::terminology::Terminology;

/// What may change on an active definition: that it is no longer active, and when that was said.
const CHANGEABLE: &[&str] = &["status", "date", "text"];

/// The guard under which a definition may be written; `None` for other resources.
///
/// # Errors
/// `Invalid` with every fault when it does not compile, or when worse answers would give a lower level, `Conflict` when its `url|version` is in use with other content.
pub(crate) async fn guard(
    ctx: &Context,
    resource: &Value,
    current: Option<&Value>,
) -> Result<Option<Guard>, Problem> {
    let rtype = element::resource_type(resource).unwrap_or_default();
    if !library::is_definition(rtype) {
        return Ok(None);
    }
    let sequence = ctx.store.stream(DEFINITIONS).await?;
    if let Some(current) = current.filter(|current| current["status"] != "draft") {
        unchanged_but_status(current, resource)?;
    }
    check_canonical(ctx, rtype, resource).await?;
    if resource["status"] == "active" {
        compile(ctx, rtype, resource).await?;
    }
    Ok(Some(Guard::Stream { patient: DEFINITIONS.to_owned(), sequence }))
}

fn unchanged_but_status(current: &Value, resource: &Value) -> Result<(), Problem> {
    let bare = |definition: &Value| {
        let mut bare = definition.clone();
        if let Some(members) = bare.as_object_mut() {
            for name in CHANGEABLE {
                members.remove(name);
            }
        }
        bare
    };
    let back = resource["status"] == "draft";
    if !back && content::same_content(&bare(current), &bare(resource)) {
        return Ok(());
    }
    let named = Canonical::of(current).map(|canonical| canonical.to_string()).unwrap_or_default();
    Err(Problem::new(
        Category::Conflict,
        "business-rule",
        format!("{named} has been active and does not change any more: publish the change as a new version"),
    ))
}

async fn check_canonical(ctx: &Context, rtype: &str, resource: &Value) -> Result<(), Problem> {
    let versioned = !matches!(rtype, "CodeSystem" | "ValueSet");
    let Some(canonical) =
        Canonical::of(resource).filter(|canonical| canonical.version.is_some() || !versioned)
    else {
        if resource["status"] != "active" {
            return Ok(());
        }
        let name = if resource["url"].is_null() { "url" } else { "version" };
        let diagnostics =
            format!("an active {rtype} needs a {name}: what refers to it names exactly one edition");
        return Err(Problem::with(
            Category::Invalid,
            vec![Issue::error("required", diagnostics).at(format!("{rtype}.{name}"))],
        ));
    };
    for stored in library::of_url(ctx.store.as_ref(), rtype, canonical.url).await? {
        let other = stored.resource()?;
        if Canonical::of(&other) == Some(canonical) && element::id(resource) != Some(&stored.id) {
            return Err(Problem::new(
                Category::Conflict,
                "duplicate",
                format!("{canonical} is {rtype}/{} already: publish a change as a new version", stored.id),
            )
            .at(&format!("{rtype}.version")));
        }
    }
    Ok(())
}

async fn compile(ctx: &Context, rtype: &str, resource: &Value) -> Result<(), Problem> {
    match rtype {
        "Questionnaire" => {
            let shelf = ctx.library.shelf(ctx.store.as_ref(), &[], &[]).await?;
            let form = Arc::new(library::compile_form(resource.clone(), &shelf.terminology())?);
            refused(library::astray_in_form(&form))?;
            // A protocol may have been there before its questionnaire.
            for plan in shelf.plans_for(form.compiled.url(), Some(&form)) {
                never_lower(plan, vec![Arc::clone(&form)], shelf.terminology()).await?;
            }
            Ok(())
        }
        "PlanDefinition" => {
            let activities = library::activities_of(ctx.store.as_ref(), resource).await?;
            let plan = library::compile_plan(resource.clone(), &activities)?;
            let asked: Vec<&str> = plan.compiled.questionnaires().iter().map(String::as_str).collect();
            let shelf = ctx.library.shelf(ctx.store.as_ref(), &asked, &[]).await?;
            let forms: Vec<_> = asked.iter().filter_map(|canonical| shelf.form(canonical)).collect();
            let borrowed: Vec<_> = forms.iter().map(Arc::as_ref).collect();
            let unknown = library::unknown_questions(&plan, &borrowed);
            refused([unknown, library::astray_in_plan(&plan, &borrowed)].concat())?;
            never_lower(Arc::new(plan), forms, shelf.terminology()).await
        }
        _ => Ok(()),
    }
}

/// Worse answers to these questionnaires never give a lower level under this protocol. Looking takes a second or two, in which
/// others are served.
async fn never_lower(
    plan: Arc<Plan>,
    forms: Vec<Arc<Form>>,
    terminology: Arc<Terminology>,
) -> Result<(), Problem> {
    let looked = tokio::task::spawn_blocking(move || {
        let forms: Vec<_> = forms.iter().map(Arc::as_ref).collect();
        library::lowered(&plan, &forms, &terminology)
    });
    refused(
        looked.await.map_err(|fault| Problem::internal(format!("the check of a protocol ended: {fault}")))?,
    )
}

fn refused(issues: Vec<Issue>) -> Result<(), Problem> {
    if issues.is_empty() { Ok(()) } else { Err(Problem::with(Category::Invalid, issues)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn an_active_definition_may_retire_and_nothing_else() {
        let definition = |status: &str, title: &str| json!({"resourceType": "Questionnaire", "url": "u", "version": "1", "status": status, "title": title});
        let check = |status: &str, title: &str, expected: bool| {
            assert_eq!(
                unchanged_but_status(&definition("active", "A"), &definition(status, title)).is_ok(),
                expected
            );
        };
        check("retired", "A", true);
        check("retired", "B", false);
        check("active", "B", false);
        check("draft", "A", false);
    }
}
