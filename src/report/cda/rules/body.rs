//! The body: Base64 of a PDF that declares PDF/A-1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Faults;
use crate::report::cda::element::find;
use crate::xml::Element;

const BODY: &str = "component/nonXMLBody/text";

pub(crate) fn body(root: &Element, faults: &mut Faults) {
    let found = find(root, BODY);
    let [text] = found.as_slice() else {
        return faults.add(BODY, "an unstructured document has exactly one body");
    };
    let declared =
        text.get("mediaType") == Some("application/pdf") && text.get("representation") == Some("B64");
    faults.unless(declared, BODY, "the body is declared as application/pdf in Base64");
    let Ok(pdf) = STANDARD.decode(text.content().trim()) else {
        return faults.add(BODY, "the body is no Base64");
    };
    faults.unless(is_pdf_a_1(&pdf), BODY, "the body is no PDF that declares PDF/A-1 (a or b)");
}

/// Header, end, and the two marks of the metadata. Whether the declaration holds is judged in the tests by others.
fn is_pdf_a_1(pdf: &[u8]) -> bool {
    let has = |mark: &[u8]| pdf.windows(mark.len()).any(|window| window == mark);
    let ends = pdf.trim_ascii_end().ends_with(b"%%EOF");
    let conforms = [b"<pdfaid:conformance>A<", b"<pdfaid:conformance>B<"].iter().any(|mark| has(*mark));
    pdf.starts_with(b"%PDF-1.") && ends && has(b"<pdfaid:part>1<") && conforms
}
