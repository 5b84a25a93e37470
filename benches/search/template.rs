//! What one response becomes, as texts with gaps: recorded once from the courses of `examples/fhir/`, written for many.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use vigie::json::{Value, json};
use vigie::store::{Expect, History, Store, Stored, Write, sqlite};

use crate::database::Databases;
use crate::scene::Scene;

/// Prefix of a course's ids, as `renamed` of the other benchmark writes them for its nth patient.
const KEYS: [&str; 4] = ["test-folfox-0", "test-capecitabine-1", "pat-trois-2", "test-ipi-nivo-3"];
const OWNER: &str = "@owner@";
const STATUS: &str = "@status@";

/// A piece of a text.
enum Piece {
    Text(String),
    /// The id of the nth resource of the unit.
    Own(usize),
    /// An id of an earlier unit of the same patient.
    Earlier(String),
    Patient,
    Day,
    Owner,
    Status,
}

/// Whom a unit is for, and when.
pub(crate) struct Filling<'a> {
    pub(crate) ids: &'a [String],
    /// Number of the patient.
    pub(crate) number: usize,
    /// Id of the patient and of the care plan.
    pub(crate) patient: &'a str,
    pub(crate) day: &'a str,
    pub(crate) owner: &'a str,
    pub(crate) status: &'a str,
}

/// The resources of one unit.
pub(crate) struct Template(Vec<Vec<Piece>>);

/// Everything that is written again and again.
pub(crate) struct Templates {
    /// Patient and care plan, by course.
    pub(crate) people: Vec<Template>,
    /// What the weekly responses became, by course.
    pub(crate) weeks: Vec<Vec<Template>>,
}

impl Templates {
    /// Has one patient of each course live through its weeks in a store of their own, and reads what was written.
    pub(crate) async fn record(folder: &Path) -> Self {
        drop(Scene::build(&Databases::new(folder, None), KEYS.len()).await);
        let store =
            sqlite::open(folder.join("recorded.sqlite"), &sqlite::Options::default()).expect("a store");
        let mut query = History { oldest_first: true, ..History::new(1_000) };
        let mut units: Vec<Vec<Stored>> = Vec::new();
        loop {
            let page = store.history(&query).await.expect("a history");
            for version in page.versions {
                match units.last_mut() {
                    Some(unit) if unit[0].last_updated == version.last_updated => unit.push(version),
                    _ => units.push(vec![version]),
                }
            }
            query.after = page.last;
            if !page.more {
                break;
            }
        }
        drop(store);
        let _ = fs::remove_dir_all(folder);
        Self::of(&units)
    }

    fn of(units: &[Vec<Stored>]) -> Self {
        let mut people: Vec<Vec<Value>> = vec![Vec::new(); KEYS.len()];
        let mut weeks: Vec<Vec<Template>> = KEYS.iter().map(|_| Vec::new()).collect();
        for unit in units {
            let resources: Vec<Value> = unit
                .iter()
                .filter(|version| version.version == 1)
                .map(|version| version.resource().expect("JSON"))
                .collect();
            let course = KEYS.iter().position(|key| resources.iter().any(|one| is_about(one, key)));
            let Some(course) = course else { continue };
            match resources.iter().find(|one| one["resourceType"] == "QuestionnaireResponse") {
                Some(response) => {
                    // What the patient says happened then, what the service did happened when it was recorded.
                    let authored = response["authored"].as_str().expect("a date")[..10].to_owned();
                    let recorded =
                        response["meta"]["lastUpdated"].as_str().expect("an instant")[..10].to_owned();
                    weeks[course].push(Template::of(resources, KEYS[course], &[authored, recorded]));
                }
                None => people[course].extend(resources),
            }
        }
        let people = people.into_iter().zip(KEYS).map(|(all, key)| Template::of(all, key, &[])).collect();
        Self { people, weeks }
    }

    pub(crate) fn resources_a_response(&self) -> f64 {
        let sizes: Vec<f64> = self.weeks.iter().flatten().map(|week| week.0.len() as f64).collect();
        sizes.iter().sum::<f64>() / sizes.len() as f64
    }
}

fn is_about(resource: &Value, key: &str) -> bool {
    let own = resource["id"] == key;
    let about = resource["subject"]["reference"].as_str() == Some(&format!("Patient/{key}"));
    own || (about && resource["resourceType"] == "QuestionnaireResponse")
}

impl Template {
    fn of(resources: Vec<Value>, key: &str, days: &[String]) -> Self {
        let id = |one: &Value| one["id"].as_str().expect("an id").to_owned();
        let own: HashMap<String, usize> = resources.iter().enumerate().map(|(n, one)| (id(one), n)).collect();
        let text = |mut one: Value| {
            if one["resourceType"] == "Task" {
                one["owner"] = json!({"reference": format!("Practitioner/{OWNER}")});
                one["status"] = json!(STATUS);
            }
            if one["resourceType"] == "Patient" {
                one["identifier"][0]["value"] = json!(key);
            }
            one.to_string()
        };
        let cut = |one| cut(&text(one), &own, key, days);
        Self(resources.into_iter().map(cut).collect())
    }

    /// How many ids it takes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn writes(&self, filling: &Filling<'_>) -> Vec<Write> {
        let write = |pieces: &Vec<Piece>| {
            let mut text = String::with_capacity(8_192);
            pieces.iter().for_each(|piece| piece.fill(filling, &mut text));
            let resource: Value = serde_json::from_str(&text).expect("still JSON");
            Write::new(&resource, Expect::New).expect("a resource")
        };
        self.0.iter().map(write).collect()
    }
}

impl Piece {
    fn fill(&self, filling: &Filling<'_>, text: &mut String) {
        match self {
            Self::Text(own) => text.push_str(own),
            Self::Own(n) => text.push_str(&filling.ids[*n]),
            Self::Earlier(id) => text.push_str(&format!("{}{:012x}", &id[..24], filling.number)),
            Self::Patient => text.push_str(filling.patient),
            Self::Day => text.push_str(filling.day),
            Self::Owner => text.push_str(filling.owner),
            Self::Status => text.push_str(filling.status),
        }
    }
}

/// Splits a text at everything that differs from unit to unit.
fn cut(text: &str, own: &HashMap<String, usize>, key: &str, days: &[String]) -> Vec<Piece> {
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let found = if rest.starts_with(key) {
            Some((Piece::Patient, key.len()))
        } else if let Some(day) = days.iter().find(|day| rest.starts_with(day.as_str())) {
            Some((Piece::Day, day.len()))
        } else if rest.starts_with(OWNER) {
            Some((Piece::Owner, OWNER.len()))
        } else if rest.starts_with(STATUS) {
            Some((Piece::Status, STATUS.len()))
        } else {
            rest.get(..36).filter(|id| is_uuid(id)).map(|id| {
                let piece = own.get(id).map_or_else(|| Piece::Earlier(id.to_owned()), |n| Piece::Own(*n));
                (piece, 36)
            })
        };
        match found {
            Some((piece, length)) => {
                pieces.push(Piece::Text(text[start..at].to_owned()));
                pieces.push(piece);
                at += length;
                start = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    pieces.push(Piece::Text(text[start..].to_owned()));
    pieces
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(n, byte)| match n {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
