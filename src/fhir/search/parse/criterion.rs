//! One parameter of a request as a criterion: name, modifier, chain, alternatives (R4 3.1.1.4.4 to 3.1.1.5).

use super::value::{self, split};
use super::{Fault, PARTS_MAX};
use crate::fhir::is_served;
use crate::fhir::search::{Column, Criterion, Kind, Modifier, Parameter, Test, parameters};

/// What a request may carry besides the parameters of the type.
const RESULT: [&str; 8] =
    ["_sort", "_count", "_total", "_include", "_revinclude", "_summary", "_elements", "_has"];

pub(super) fn read(rtype: &str, text: &str, value: &str) -> Result<Criterion, Fault> {
    if let Some(rest) = text.strip_prefix("_has:") {
        return referrer(rtype, rest, value);
    }
    if let Some((head, rest)) = text.split_once('.') {
        return chain(rtype, head, rest, value);
    }
    let (name, modifier) =
        text.split_once(':').map_or((text, None), |(name, modifier)| (name, Some(modifier)));
    of(find(rtype, name)?, modifier, value)
}

/// A parameter with its modifier, as text, and its value.
fn of(parameter: &'static Parameter, modifier: Option<&str>, value: &str) -> Result<Criterion, Fault> {
    let name = parameter.name;
    let (modifier, target) = match modifier {
        None => (Modifier::None, None),
        Some("missing") if parameter.modifiers.contains(&"missing") => {
            let missing = value.parse().map_err(|_| format!("{name}:missing is true or false"))?;
            return Ok(Criterion { parameter, modifier: Modifier::Missing(missing), any: Vec::new() });
        }
        Some(rtype) if parameter.modifiers.contains(&"type") && parameter.refers_to(rtype) => {
            (Modifier::None, Some(rtype))
        }
        Some(code) => (known(parameter, code).ok_or_else(|| refused(parameter, code))?, None),
    };
    let parts = split(value, ',');
    if parts.len() > PARTS_MAX {
        return Err(format!("at most {PARTS_MAX} alternatives are read").into());
    }
    let read = |part: &&str| value::read(parameter, modifier, target, part);
    let any = parts.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Criterion { parameter, modifier, any })
}

fn find(rtype: &str, name: &str) -> Result<&'static Parameter, Fault> {
    parameters(rtype).iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let mut names: Vec<_> = parameters(rtype).iter().map(|parameter| parameter.name).collect();
        names.extend(RESULT);
        Fault::unknown(format!("{rtype} has no search parameter {name:?}: {}", names.join(", ")))
    })
}

fn known(parameter: &Parameter, code: &str) -> Option<Modifier> {
    const PLAIN: [Modifier; 9] = [
        Modifier::Not,
        Modifier::Exact,
        Modifier::Contains,
        Modifier::Text,
        Modifier::Identifier,
        Modifier::Above,
        Modifier::Below,
        Modifier::In,
        Modifier::NotIn,
    ];
    PLAIN.into_iter().find(|modifier| modifier.code() == code && parameter.modifiers.contains(&code))
}

fn refused(parameter: &Parameter, code: &str) -> Fault {
    let shown = |code: &&str| if *code == "type" { ":[type]".to_owned() } else { format!(":{code}") };
    let known: Vec<_> = parameter.modifiers.iter().map(shown).collect();
    let right = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let name = parameter.name;
    Fault::unknown(format!("the parameter {name} does not take :{code}; modifiers that it takes: {right}"))
}

/// `patient.name=x`, `subject:Patient.name=x`: what the reference leads to is found by the rest.
fn chain(rtype: &str, head: &str, rest: &str, value: &str) -> Result<Criterion, Fault> {
    let (name, wanted) = head.split_once(':').map_or((head, None), |(name, rtype)| (name, Some(rtype)));
    let parameter = find(rtype, name)?;
    if parameter.kind != Kind::Reference {
        let text = format!("{name} is no reference, so that {name}.{rest} leads nowhere");
        return Err(Fault::unknown(text));
    }
    if rest.contains('.') || rest.starts_with("_has:") {
        return Err(Fault::unknown(format!("{head}.{rest}: chains of one step are read")));
    }
    let served: Vec<&str> = match wanted {
        Some(rtype) if parameter.refers_to(rtype) => vec![rtype],
        Some(rtype) => return Err(Fault::unknown(format!("{name} does not refer to {rtype}"))),
        None => parameter.targets.iter().copied().filter(|rtype| is_served(rtype)).collect(),
    };
    // Without a type, those targets count that have such a parameter.
    let plain = rest.split(':').next().unwrap_or(rest);
    let has = |rtype: &&str| parameters(rtype).iter().any(|parameter| parameter.name == plain);
    let known: Vec<&str> = served.iter().copied().filter(has).collect();
    let candidates = if known.is_empty() { &served } else { &known };
    match candidates.as_slice() {
        [] => Err(format!("{name} may refer to any type: say which, as {name}:Patient.{rest}").into()),
        targets => {
            let step = |target: &&str| {
                let criterion = Box::new(read(target, rest, value)?);
                Ok::<_, Fault>(Test::Chain { rtype: (*target).to_owned(), criterion })
            };
            let mut any: Vec<Test> = targets.iter().map(step).collect::<Result<_, _>>()?;
            if let Some(contained) = contained(rtype, name, rest, value).filter(|_| wanted.is_none()) {
                any.push(Test::Contained(Box::new(contained?)));
            }
            Ok(Criterion { parameter, modifier: Modifier::None, any })
        }
    }
}

/// What a chain leads to may be contained in the resource itself; a parameter of the chain's name then finds it there.
fn contained(rtype: &str, name: &str, rest: &str, value: &str) -> Option<Result<Criterion, Fault>> {
    let (plain, modifier) = rest.split_once(':').map_or((rest, None), |(plain, code)| (plain, Some(code)));
    let whole = format!("{name}.{plain}");
    let parameter = parameters(rtype).iter().find(|parameter| parameter.name == whole)?;
    Some(of(parameter, modifier, value))
}

/// `_has:Observation:patient:code=x`: found are those that such an Observation refers to by `patient`.
fn referrer(rtype: &str, rest: &str, value: &str) -> Result<Criterion, Fault> {
    let mut words = rest.splitn(3, ':');
    let (Some(from), Some(by), Some(inner)) = (words.next(), words.next(), words.next()) else {
        return Err("_has is written _has:Type:reference:parameter".to_owned().into());
    };
    if inner.starts_with("_has:") || inner.contains('.') {
        return Err(Fault::unknown("_has of one step is read".to_owned()));
    }
    if !is_served(from) {
        return Err(Fault::unknown(format!("{from} is not served here")));
    }
    let by = find(from, by)?;
    if by.kind != Kind::Reference || !by.refers_to(rtype) {
        return Err(Fault::unknown(format!("{from}.{} does not refer to {rtype}", by.name)));
    }
    let parameter = parameters(rtype)
        .iter()
        .find(|parameter| parameter.column == Some(Column::Id))
        .ok_or_else(|| format!("{rtype} cannot be searched by _has"))?;
    let criterion = Box::new(read(from, inner, value)?);
    let test = Test::Referrer { rtype: from.to_owned(), target: rtype.to_owned(), by, criterion };
    Ok(Criterion { parameter, modifier: Modifier::None, any: vec![test] })
}
