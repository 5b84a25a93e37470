//! What is read, what is refused and where, and that both ways are inverse.

mod generated;
mod refused;

use crate::json::{Value, json};

use super::{read, write, write_pretty};

fn document(inner: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">{inner}</Patient>")
}

fn written(value: &Value) -> String {
    String::from_utf8(write(value).unwrap()).unwrap()
}

/// The XML says this and nothing else, both ways.
fn check(xml: &str, json: &Value) {
    let read = read(xml.as_bytes()).unwrap();
    assert_eq!(read.issues, []);
    assert_eq!(read.resource, *json);
    assert_eq!(written(json).split_once('\n').map(|(_, document)| document), Some(xml));
}

#[test]
fn values_have_the_type_of_their_element_and_numbers_keep_their_digits() {
    check(
        "<Observation xmlns=\"http://hl7.org/fhir\"><status value=\"final\"/><code><text value=\"x\"/></code>\
         <valueQuantity><value value=\"1.10\"/></valueQuantity></Observation>",
        &json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "valueQuantity": {"value": serde_json::from_str::<Value>("1.10").unwrap()}}),
    );
    check(
        &document("<active value=\"true\"/><multipleBirthInteger value=\"2\"/>"),
        &json!({"resourceType": "Patient", "active": true, "multipleBirthInteger": 2}),
    );
    let long = "-12345678901234567890.0123456789012345678900";
    let value = serde_json::from_str::<Value>(long).unwrap();
    let text = format!(
        "<Parameters xmlns=\"http://hl7.org/fhir\"><parameter><name value=\"a\"/><valueDecimal value=\"{long}\"/></parameter></Parameters>"
    );
    check(&text, &json!({"resourceType": "Parameters", "parameter": [{"name": "a", "valueDecimal": value}]}));
}

#[test]
fn primitives_keep_ids_and_extensions_in_their_places() {
    check(
        &document(
            "<name id=\"n\"><given value=\"A\"/><given id=\"g\"><extension url=\"u\"><valueCode value=\"x\"/></extension></given>\
             <given value=\"C\"/></name><birthDate value=\"1979-03-28\" id=\"b\"/>"
                .replace("value=\"1979-03-28\" id=\"b\"", "id=\"b\" value=\"1979-03-28\"")
                .as_str(),
        ),
        &json!({"resourceType": "Patient",
            "name": [{"id": "n", "given": ["A", null, "C"],
                "_given": [null, {"id": "g", "extension": [{"url": "u", "valueCode": "x"}]}, null]}],
            "birthDate": "1979-03-28", "_birthDate": {"id": "b"}}),
    );
    check(
        &document("<name><given><extension url=\"u\"><valueCode value=\"x\"/></extension></given></name>"),
        &json!({"resourceType": "Patient", "name": [{"_given": [{"extension": [{"url": "u", "valueCode": "x"}]}]}]}),
    );
}

#[test]
fn line_breaks_and_signs_survive_in_attributes() {
    check(
        &document("<name><text value=\"a&#10;b&#13;&#9;&lt;&amp;&quot;'é &gt; 𝄞\"/></name>"),
        &json!({"resourceType": "Patient", "name": [{"text": "a\nb\r\t<&\"'é > 𝄞"}]}),
    );
    // A bare line break in an attribute is a space, as XML says.
    let read = read(document("<name><text value='a\r\nb\nc'/></name>").as_bytes()).unwrap();
    assert_eq!(read.resource["name"][0]["text"], "a b c");
}

#[test]
fn a_narrative_is_taken_as_it_is_written() {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\" >\n  <p >a  <b>b</b> &lt;x&gt; &#160;<br/>\t</p><!-- note -->\n</div>";
    check(
        &document(&format!("<text><status value=\"generated\"/>{div}</text>")),
        &json!({"resourceType": "Patient", "text": {"status": "generated", "div": div}}),
    );
}

#[test]
fn the_names_of_html_become_numbers_in_a_narrative() {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">38,5&nbsp;&deg;C &amp; &#176;</div>";
    let text = written(&json!({"resourceType": "Patient", "text": {"div": div}}));
    assert!(text.contains("38,5&#160;&#176;C &amp; &#176;"), "{text}");
}

#[test]
fn a_document_over_lines_leaves_its_narrative_as_it_is() {
    let resource = json!({"resourceType": "Patient",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a <b>b</b>\n c</p></div>"},
        "contained": [{"resourceType": "Organization", "id": "o"}], "_active": {"id": "a"}});
    let lines = String::from_utf8(write_pretty(&resource).unwrap()).unwrap();
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <text>
    <status value="generated"/>
    <div xmlns="http://www.w3.org/1999/xhtml"><p>a <b>b</b>
 c</p></div>
  </text>
  <contained>
    <Organization>
      <id value="o"/>
    </Organization>
  </contained>
  <active id="a"/>
</Patient>"#;
    assert_eq!(lines, expected);
    assert_eq!(read(lines.as_bytes()).unwrap().resource, resource);
}

#[test]
fn resources_within_resources_are_wrapped() {
    check(
        "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"collection\"/><entry><resource><Patient><contained>\
         <Organization><id value=\"o\"/></Organization></contained></Patient></resource></entry><entry><resource>\
         <Binary><contentType value=\"text/plain\"/><data value=\"YQ==\"/></Binary></resource></entry></Bundle>",
        &json!({"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": {"resourceType": "Patient", "contained": [{"resourceType": "Organization", "id": "o"}]}},
            {"resource": {"resourceType": "Binary", "contentType": "text/plain", "data": "YQ=="}}]}),
    );
}

#[test]
fn prefixes_declarations_comments_and_hints_make_no_difference() {
    let plain = read(
        document("<text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\"><p class=\"a\">x</p><br/></div></text><active value=\"true\"/>")
            .as_bytes(),
    );
    let other = read(
        br#"<?xml version="1.0" encoding="utf-8"?>
        <?xml-stylesheet href="x.xsl"?>
        <f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h='http://www.w3.org/1999/xhtml'
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir fhir.xsd">
          <!-- a comment -->
          <f:text><f:status value='generated'/><h:div><h:p class='a'>x</h:p><h:br /></h:div></f:text>
          <f:active value="true"></f:active>
        </f:Patient>
        "#,
    );
    assert_eq!(plain, other);
    assert!(plain.unwrap().issues.is_empty());
}

#[test]
fn elements_are_written_in_the_order_of_the_standard() {
    let text =
        written(&json!({"birthDate": "1979", "resourceType": "Patient", "gender": "female", "id": "1"}));
    assert!(
        text.ends_with("<id value=\"1\"/><gender value=\"female\"/><birthDate value=\"1979\"/></Patient>"),
        "{text}"
    );
}

#[test]
fn what_xml_cannot_say_is_refused_at_its_path() {
    for (resource, place, words) in [
        (json!({"resourceType": "Patient", "nickname": "x"}), "Patient", "no element nickname"),
        (json!({"resourceType": "Patient", "name": [{"text": "a\u{1}"}]}), "Patient.name[0].text", "U+0001"),
        (
            json!({"resourceType": "Patient", "name": [{"text": null}]}),
            "Patient.name[0].text",
            "single value",
        ),
        (json!({"resourceType": "Patient", "name": {"text": "a"}}), "Patient.name", "a list"),
        (json!({"resourceType": "Patient", "text": {"div": "<div>a"}}), "Patient.text.div", "XHTML"),
        (
            json!({"resourceType": "Patient", "text": {"div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"/><x/>"}}),
            "Patient.text.div",
            "beside",
        ),
        (json!({"resourceType": "Patient", "name": [{"_id": {"id": "x"}}]}), "Patient.name[0]", "attribute"),
        (json!({"resourceType": "Nonsense"}), "", "resourceType"),
    ] {
        let problem = write(&resource).unwrap_err();
        assert_eq!(problem.category, crate::problem::Category::NotAcceptable);
        assert_eq!(problem.issues[0].expression.as_deref().unwrap_or_default(), place, "{problem}");
        assert!(problem.issues[0].diagnostics.contains(words), "{problem}");
    }
}
