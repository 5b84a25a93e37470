//! What is depended on is what `deny.toml` allows: licences, sources, banned crates, versions beside each other. The file is
//! cargo-deny's own, so that the tool itself can check it too, advisories included; here nothing asks the network.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use vigie::json::Value;

struct Tree {
    rules: toml::Table,
    packages: Vec<Value>,
}

impl Tree {
    fn read() -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let rules: toml::Table =
            std::fs::read_to_string(format!("{root}/deny.toml")).unwrap().parse().unwrap();
        let target = rules["graph"]["targets"][0].as_str().unwrap().to_owned();
        let output = Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--offline",
                "--filter-platform",
                &target,
            ])
            .current_dir(root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap().clone();
        assert!(packages.len() > 100, "only {} packages were found", packages.len());
        Self { rules, packages }
    }

    /// The entries of a list of the section on bans: crate and reason.
    fn entries(&self, list: &str) -> Vec<(&str, &str)> {
        let all = self.rules["bans"][list].as_array().unwrap();
        all.iter()
            .map(|entry| (entry["crate"].as_str().unwrap(), entry["reason"].as_str().unwrap()))
            .collect()
    }

    fn versions(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in &self.packages {
            versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
        }
        versions
    }
}

fn text<'a>(package: &'a Value, name: &str) -> &'a str {
    package[name].as_str().unwrap()
}

/// Whether a licence expression (SPDX, and `/` for `OR` as older crates write it) can be met with these licences.
fn is_met(expression: &str, allowed: &[&str]) -> bool {
    fn any<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>, allowed: &[&str]) -> bool {
        let mut met = all(words, allowed);
        while words.next_if_eq(&"OR").is_some() {
            met |= all(words, allowed);
        }
        met
    }
    fn all<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>, allowed: &[&str]) -> bool {
        let mut met = one(words, allowed);
        while words.next_if_eq(&"AND").is_some() {
            met &= one(words, allowed);
        }
        met
    }
    fn one<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>, allowed: &[&str]) -> bool {
        let word = words.next().unwrap();
        if word == "(" {
            let mut depth = 1;
            let inner: Vec<&str> = std::iter::from_fn(|| {
                let word = words.next().unwrap();
                depth += match word {
                    "(" => 1,
                    ")" => -1,
                    _ => 0,
                };
                (depth > 0).then_some(word)
            })
            .collect();
            return is_met(&inner.join(" "), allowed);
        }
        match words.next_if_eq(&"WITH") {
            Some(_) => allowed.contains(&format!("{word} WITH {}", words.next().unwrap()).as_str()),
            None => allowed.contains(&word),
        }
    }
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any(&mut words, allowed) && words.next().is_none()
}

#[test]
fn a_licence_expression_is_met_as_a_whole() {
    let check = |expression, expected| {
        let allowed = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
        assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    };
    check("MIT", true);
    check("GPL-3.0", false);
    check("GPL-3.0 OR MIT", true);
    check("MIT/GPL-3.0", true);
    check("MIT AND GPL-3.0", false);
    check("(MIT OR Apache-2.0) AND GPL-3.0", false);
    check("GPL-3.0 AND GPL-2.0 OR ISC", true);
    check("(GPL-3.0 OR (MIT AND ISC)) AND MIT", true);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("MIT WITH LLVM-exception", false);
}

#[test]
fn every_licence_is_one_that_a_hospital_can_use() {
    let tree = Tree::read();
    let allowed: Vec<&str> =
        tree.rules["licenses"]["allow"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let faults: Vec<String> = tree
        .packages
        .iter()
        .filter(|package| !is_met(package["license"].as_str().unwrap_or("none"), &allowed))
        .map(|package| format!("{}: licence {}", text(package, "name"), package["license"]))
        .collect();
    assert_eq!(faults, [""; 0]);
}

#[test]
fn everything_comes_from_the_one_registry_or_from_here() {
    let tree = Tree::read();
    for rule in ["unknown-registry", "unknown-git"] {
        assert_eq!(tree.rules["sources"][rule].as_str(), Some("deny"));
    }
    let sources: BTreeSet<&str> =
        tree.packages.iter().filter_map(|package| package["source"].as_str()).collect();
    assert!(
        sources.len() == 1 && sources.iter().all(|source| source.starts_with("registry+")),
        "{sources:?}"
    );
    let root = env!("CARGO_MANIFEST_DIR");
    for package in tree.packages.iter().filter(|package| package["source"].is_null()) {
        assert!(text(package, "manifest_path").starts_with(root), "{package}");
    }
}

#[test]
fn no_banned_crate_is_let_in() {
    let tree = Tree::read();
    let versions = tree.versions();
    for (name, reason) in tree.entries("deny") {
        assert!(!reason.is_empty() && !versions.contains_key(name), "{name}: {reason}");
    }
}

#[test]
fn a_crate_is_there_in_one_version_but_for_those_that_have_a_reason() {
    let tree = Tree::read();
    assert_eq!(tree.rules["bans"]["multiple-versions"].as_str(), Some("deny"));
    let skipped = tree.entries("skip");
    let fits = |(wanted, reason): &(&str, &str), name: &str, version: &str| {
        let (crate_name, prefix) = wanted.split_once('@').unwrap();
        let rest = version.strip_prefix(prefix);
        !reason.is_empty()
            && crate_name == name
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut used = BTreeSet::new();
    for (name, versions) in tree.versions() {
        let mut left = Vec::new();
        for version in &versions {
            match skipped.iter().find(|skip| fits(skip, name, version)) {
                Some((skip, _)) => {
                    assert!(versions.len() > 1, "{skip} has no other version beside it any more");
                    used.insert(*skip);
                }
                None => left.push(version),
            }
        }
        assert!(left.len() < 2, "{name} is there in versions {left:?}");
    }
    let all: BTreeSet<&str> = skipped.iter().map(|(skip, _)| *skip).collect();
    assert_eq!(used, all, "what is skipped and is not there any more");
}
