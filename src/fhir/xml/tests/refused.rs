//! What is refused, each with line, column and path.

use proptest::prelude::*;

use super::{document, read};
use crate::problem::Category;

/// The document cannot be read at all.
fn check(xml: impl AsRef<[u8]>, place: Option<&str>, words: &str) {
    let problem = read(xml.as_ref()).expect_err(&String::from_utf8_lossy(xml.as_ref()));
    assert_eq!(problem.category, Category::Malformed);
    assert_eq!(problem.issues[0].expression.as_deref(), place, "{problem}");
    assert!(problem.issues[0].diagnostics.contains(words), "{problem}");
}

/// The document can be read, but for one element or attribute; the rest is there.
fn check_issue(inner: &str, place: &str, words: &str) {
    let read = read(document(&format!("{inner}<link><type value=\"refer\"/></link>")).as_bytes()).unwrap();
    assert_eq!(read.issues.len(), 1, "{:?}", read.issues);
    assert_eq!(read.issues[0].expression.as_deref(), Some(place), "{:?}", read.issues);
    assert!(read.issues[0].diagnostics.contains(words), "{:?}", read.issues);
    assert_eq!(read.resource["link"][0]["type"], "refer");
}

#[test]
fn nothing_outside_the_document_is_read() {
    let doctype =
        |text: &str| format!("<!DOCTYPE Patient [{text}]>{}", document("<name><text value=\"&x;\"/></name>"));
    check(doctype("<!ENTITY x SYSTEM \"file:///etc/passwd\">"), None, "DOCTYPE");
    check(doctype("<!ENTITY x \"y\">"), None, "DOCTYPE is not read at line 1 column 1");
    let laughs = "<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY x \"&b;&b;&b;\">";
    check(doctype(laughs), None, "DOCTYPE");
    check(
        document("<name><text value=\"&x;\"/></name>"),
        Some("Patient.name[0]"),
        "no reference that XML has",
    );
    check(document("<name>&x;</name>"), Some("Patient.name[0]"), "entity");
    // Names that HTML has are not among those of XML.
    check(
        document("\n<name><text value=\"a&nbsp;b\"/></name>"),
        Some("Patient.name[0]"),
        "no reference that XML has at line 2 column 7",
    );
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title=\"&eacute;\">x</p></div>";
    check(document(&format!("<text>{div}</text>")), Some("Patient.text.div"), "no reference that XML has");
    check(document("<name><text value=\"&#1;\"/></name>"), Some("Patient.name[0]"), "U+0001");
    check(document("<name><text value=\"&#xFFFE;\"/></name>"), Some("Patient.name[0]"), "U+FFFE");
}

#[test]
fn what_is_not_well_formed_is_refused_where_it_breaks() {
    check("", None, "empty");
    check("{}", None, "an element is expected");
    check(
        "<Patient xmlns=\"http://hl7.org/fhir\">\n <name>\n  <text",
        Some("Patient.name[0]"),
        "line 3 column",
    );
    check("<Patient xmlns=\"http://hl7.org/fhir\"><name>", Some("Patient.name[0]"), "ends before");
    check(document("\n<name></nam>"), Some("Patient.name[0]"), "line 2 column 7");
    check(document("<gender value=\"a\" value=\"b\"/>"), Some("Patient"), "attribute");
    check(document("<gender value=\"a<b\"/>"), Some("Patient"), "<");
    check(document("<gender value=female/>"), Some("Patient"), "attribute");
    check(document("<g:gender value=\"a\"/>"), Some("Patient"), "prefix g is not declared");
    check(format!("{}<Patient/>", document("")), Some("Patient"), "after the resource");
    check(format!("{}x", document("")), Some("Patient"), "after the resource");
    check(format!(" <?xml version=\"1.0\"?>{}", document("")), None, "very beginning");
    check(format!("<?xml version=\"1.1\"?>{}", document("")), None, "version 1.0");
    check(format!("<?xml version=\"1.0\" encoding=\"latin1\"?>{}", document("")), None, "UTF-8");
    check(b"<Patient \xE9", None, "not UTF-8 at line 1 column 10");
    check(b"\xFF\xFE<\0", None, "UTF-16");
    check(document("<name><text value=\"\u{1}\"/></name>"), None, "U+0001");
    check("<Patient/>", None, "name space http://hl7.org/fhir");
    check("<Patient xmlns=\"urn:hl7-org:v3\"/>", None, "name space http://hl7.org/fhir");
    check("<Pateint xmlns=\"http://hl7.org/fhir\"/>", None, "Patient");
}

#[test]
fn what_fhir_does_not_have_is_told_with_its_place_and_the_rest_is_read() {
    check_issue("<nickname value=\"x\"><a/></nickname>", "Patient", "Patient has no element nickname");
    check_issue(
        "<name>\n<famly value=\"x\"/><text value=\"a\"/></name>",
        "Patient.name[0]",
        "near: family, at line 2 column 1",
    );
    check_issue("<x:name xmlns:x=\"urn:x\"/>", "Patient", "not of the name space");
    check_issue("<gender value=\"male\" Value=\"female\"/>", "Patient.gender", "attribute Value");
    check_issue("<name value=\"a\"><text value=\"a\"/></name>", "Patient.name[0]", "attribute value");
    check_issue(
        "<birthDate value=\"1979\"/><gender value=\"male\"/>",
        "Patient.gender",
        "gender stands before birthDate",
    );
    check_issue("<gender value=\"male\"/><gender value=\"female\"/>", "Patient.gender", "twice");
    check_issue("<name>Dominique<text value=\"a\"/></name>", "Patient.name[0]", "a text stands");
    check_issue("<gender/>", "Patient.gender", "ele-1");
    check_issue("<contained/>", "Patient.contained[0]", "a resource is expected");
    check_issue("<contained><Nonsense/></contained>", "Patient.contained[0]", "no resource type");
    check_issue("<name><id value=\"x\"/><text value=\"a\"/></name>", "Patient.name[0]", "id is an attribute");
    check_issue(
        "<text><status value=\"generated\"/><div/></text>",
        "Patient.text",
        "name space http://www.w3.org/1999/xhtml",
    );
    let svg = "<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><svg xmlns=\"http://www.w3.org/2000/svg\"/></div></text>";
    check_issue(svg, "Patient.text.div", "svg");
    let instruction = "<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><?php x?></div></text>";
    check_issue(instruction, "Patient.text.div", "processing instruction");
}

#[test]
fn a_value_of_a_wrong_form_stays_for_the_check_of_the_structure() {
    let read = read(document("<active value=\"yes\"/><birthDate value=\"2020-13-45\"/>").as_bytes()).unwrap();
    assert_eq!(read.issues, []);
    let places: Vec<_> = crate::fhir::structure::check(&read.resource)
        .into_iter()
        .filter(|issue| issue.severity >= crate::problem::Severity::Error)
        .filter_map(|issue| issue.expression)
        .collect();
    assert_eq!(places, ["Patient.active", "Patient.birthDate"]);
}

#[test]
fn nesting_faults_and_declarations_are_bounded() {
    let deep = |levels: usize| {
        let (open, close) = ("<extension url=\"u\">".repeat(levels), "</extension>".repeat(levels));
        document(&format!("{open}{close}"))
    };
    // The resource is one level, and each extension two: a list and an object.
    assert!(read(deep(31).as_bytes()).is_ok());
    check(deep(32), Some(&format!("Patient{}", ".extension[0]".repeat(32))), "64 levels");
    assert!(read(deep(50_000).as_bytes()).is_err());
    check("<a>".repeat(100_000), None, "name space");
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}", "<p>".repeat(65));
    check(document(&format!("<text>{div}")), Some("Patient.text.div"), "64 levels");
    check(document(&"<x/>".repeat(1000)), Some("Patient"), "more than 100 faults");
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect();
    check(document(&format!("<gender{attributes}/>")), Some("Patient"), "64 attributes");
    let nested: String = (0..100).map(|n| format!("<x xmlns:p{n}=\"u\">")).collect();
    check(document(&nested), Some("Patient"), "name spaces");
}

fn any_document() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<name>".to_owned()),
        Just("</name>".to_owned()),
        Just("<given value=\"a\"/>".to_owned()),
        Just("<div xmlns=\"http://www.w3.org/1999/xhtml\">".to_owned()),
        Just("</div>".to_owned()),
        Just("<contained><Patient>".to_owned()),
        "[<>/a&;#'\"= !?\\[x1é-]{0,12}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| document(&pieces.concat()))
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_markup_makes_it_panic_and_what_is_read_whole_can_be_written(text in any_document()) {
        if let Ok(found) = read(text.as_bytes()) && found.issues.is_empty() {
            let again = super::write(&found.resource).map(|bytes| read(&bytes));
            prop_assert_eq!(again, Ok(Ok(found)));
        }
    }

    #[test]
    fn a_truncated_document_is_refused(cut in 0_usize..60) {
        let text = document("<name><given value=\"a\"/></name>");
        let cut = cut.min(text.len() - 1);
        prop_assert!(read(&text.as_bytes()[..cut]).is_err());
    }
}
