//! The XHTML of a narrative: well formed, basic elements only, nothing that runs: txt-1 and txt-2
//! (<https://hl7.org/fhir/R4/narrative.html>).

mod markup;

use crate::json::Value;

use super::walk::Walk;
use markup::{Tag, Token};

/// Chapters 7 to 11 and 15 of HTML 4.0, links and images; in alphabetical order.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
];

/// Attributes without effect beyond the look; in alphabetical order.
const ATTRIBUTES: &[&str] = &[
    "abbr",
    "accesskey",
    "align",
    "alt",
    "axis",
    "bgcolor",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "colspan",
    "compact",
    "coords",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "shape",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "tabindex",
    "title",
    "type",
    "valign",
    "value",
    "vspace",
    "width",
    "xml:lang",
    "xml:space",
    "xmlns",
];

const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

pub(super) fn check(walk: &mut Walk<'_>, value: &Value) {
    if let Some(what) = value.as_str().and_then(fault) {
        walk.fault("invariant", what);
    }
}

/// What is wrong with a `div`, if anything.
fn fault(text: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut ended = false;
    let mut visible = false;
    for token in markup::tokens(text.trim()) {
        match token {
            Token::Broken(what) => {
                return Some(format!("txt-1: the narrative is not well-formed XHTML: {what}"));
            }
            Token::Comment => {}
            Token::Text(text) => {
                if open.is_empty() {
                    return Some("txt-1: the narrative is one <div> with nothing beside it".into());
                }
                visible |= text.chars().any(|c| !c.is_whitespace());
            }
            Token::End(name) => {
                if open.pop() != Some(name) {
                    return Some(format!("txt-1: </{}> ends no open element", shown(name)));
                }
                ended = open.is_empty();
            }
            Token::Start(tag) => {
                if let Some(what) = tag_fault(&tag, open.is_empty(), ended) {
                    return Some(format!("txt-1: {what}"));
                }
                visible |= tag.name == "img";
                if tag.empty {
                    ended |= open.is_empty();
                } else {
                    open.push(tag.name);
                }
            }
        }
    }
    match (open.last(), visible) {
        (Some(name), _) => Some(format!("txt-1: <{}> is never ended", shown(name))),
        (None, false) => Some("txt-2: the narrative needs visible content".into()),
        (None, true) => None,
    }
}

fn tag_fault(tag: &Tag<'_>, outermost: bool, ended: bool) -> Option<String> {
    if outermost && (ended || tag.name != "div") {
        return Some("the narrative is one <div> with nothing beside it".into());
    }
    if outermost && tag.attribute("xmlns") != Some(NAMESPACE) {
        return Some(format!("the outermost <div> needs xmlns=\"{NAMESPACE}\""));
    }
    if ELEMENTS.binary_search(&tag.name).is_err() {
        return Some(format!(
            "<{}> is not among the basic elements that a narrative may have",
            shown(tag.name)
        ));
    }
    for (name, value) in &tag.attributes {
        if ATTRIBUTES.binary_search(name).is_err() && !name.starts_with("xmlns:") {
            return Some(format!(
                "the attribute {} is not among those that a narrative may have",
                shown(name)
            ));
        }
        if matches!(*name, "href" | "src") && runs(value) {
            return Some(format!("the {name} would run a script"));
        }
    }
    None
}

/// Whether an address would run something when it is followed; character references are no disguise.
fn runs(address: &str) -> bool {
    let plain: String =
        markup::decoded(address).chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let plain = plain.to_ascii_lowercase();
    match plain.split_once(':') {
        Some(("javascript" | "vbscript", _)) => true,
        Some(("data", rest)) => !rest.starts_with("image/"),
        _ => false,
    }
}

fn shown(name: &str) -> String {
    name.chars().take(30).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inner: &str, words: Option<&str>) {
        let text = format!("<div xmlns=\"{NAMESPACE}\">{inner}</div>");
        match (fault(&text), words) {
            (None, None) => {}
            (Some(found), Some(words)) => assert!(found.contains(words), "{inner}: {found}"),
            (found, _) => panic!("{inner}: {found:?}"),
        }
    }

    #[test]
    fn plain_markup_is_allowed() {
        assert!(ELEMENTS.is_sorted() && ATTRIBUTES.is_sorted());
        check("<p class=\"a\" style='color:red'>38,5&nbsp;&#176;C &lt; 39</p><!-- note --><br/>", None);
        check("<img src=\"#chart\" alt=\"\"/><img src=\"data: image/png;base64,AA\"/>", None);
        check(
            "<table border=\"1\"><tbody><tr><td>x</td></tr></tbody></table><a href=\"https://h/x\">y</a>",
            None,
        );
    }

    #[test]
    fn nothing_that_runs_is_allowed() {
        check("<script>alert(1)</script>", Some("<script>"));
        check("<p onclick=\"x()\">a</p>", Some("onclick"));
        check("<a href=\" java&#115;cript:x()\">a</a>", Some("script"));
        check("<a href=\"java&#x73;cript:x()\">a</a>", Some("script"));
        check("<a href=\"data:text/html,x\">a</a>", Some("script"));
        check("<iframe src=\"x\"></iframe>", Some("<iframe>"));
        check("<form><input/></form>", Some("<form>"));
        check("<object data=\"x\">a</object>", Some("<object>"));
        check("<![CDATA[<script>]]>", Some("not well-formed"));
        check("<?php x ?>", Some("not well-formed"));
    }

    #[test]
    fn broken_markup_is_refused() {
        check("<p>a", Some("</div> ends no"));
        check("<p>a</b></p>", Some("</b> ends no"));
        check("<p a>b</p>", Some("not well-formed"));
        check("a & b", Some("not well-formed"));
        check("</div><div>a", Some("nothing beside"));
        assert!(fault("<div>a</div>").is_some_and(|what| what.contains("xmlns")));
        assert!(fault("text").is_some());
    }

    #[test]
    fn an_empty_narrative_is_refused() {
        check(" <p/>\n", Some("txt-2"));
    }
}
