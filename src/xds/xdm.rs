//! The archive of IHE Cross-enterprise Document Media Interchange (XDM, ITI TF-1 16, TF-2 3.32) as secure mail carries it:
//! `IHE_XDM.ZIP` with `INDEX.HTM`, `README.TXT` and one submission set.

use jiff::Timestamp;

use super::message::submit_objects;
use super::metadata::Submission;
use super::zip;
use crate::problem::{Category, Problem};
use crate::xml::{self, Element, Method, Namespace};

/// The name of the attachment.
pub const FILE_NAME: &str = "IHE_XDM.ZIP";

const SUBSET: &str = "IHE_XDM/SUBSET01";
const XHTML: Namespace = Namespace { prefix: "", uri: "http://www.w3.org/1999/xhtml" };

/// The archive of a submission and its documents, in the order of its entries. The same input gives the same bytes.
///
/// Each entry gets the name of its file (`URI`). `software` is named in `README.TXT`, as XDM asks for.
///
/// # Errors
/// `Invalid` when entries and documents do not go together, or a registry would refuse the metadata.
pub fn archive(
    mut submission: Submission,
    documents: &[&[u8]],
    software: &str,
    at: Timestamp,
) -> Result<Vec<u8>, Problem> {
    if submission.entries.len() != documents.len() {
        return Err(invalid("an archive has one document for each entry"));
    }
    let mut names = Vec::new();
    for (n, entry) in submission.entries.iter_mut().enumerate() {
        let name = format!("DOC{:05}.{}", n + 1, extension(&entry.mime_type));
        entry.uri = Some(name.clone());
        names.push(name);
    }
    let list = super::ebrim::registry_object_list(&submission);
    if let Some(fault) = super::check(&list).first() {
        return Err(invalid(&fault.context));
    }
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let mut metadata = declaration.as_bytes().to_vec();
    metadata.extend(xml::element(&submit_objects(&submission), &Method::INCLUSIVE));
    let index = index(&submission, &names);
    let readme = readme(software);
    let paths: Vec<String> = names.iter().map(|name| format!("{SUBSET}/{name}")).collect();
    let metadata_path = format!("{SUBSET}/METADATA.XML");
    let mut files: Vec<(&str, &[u8])> =
        vec![("INDEX.HTM", index.as_slice()), ("README.TXT", readme.as_bytes()), (&metadata_path, &metadata)];
    files.extend(paths.iter().map(String::as_str).zip(documents.iter().copied()));
    zip::archive(&files, at)
}

fn invalid(what: &str) -> Problem {
    Problem::new(Category::Invalid, "value", what.to_owned())
}

fn extension(mime_type: &str) -> &'static str {
    match mime_type {
        "text/xml" | "application/xml" => "XML",
        "application/pdf" => "PDF",
        _ => "BIN",
    }
}

/// The page that a person opens: what is in the archive, in French.
fn index(submission: &Submission, names: &[String]) -> Vec<u8> {
    let html = |name: &str| Element::new(XHTML, name);
    let item = |(entry, name): (&super::DocumentEntry, &String)| {
        let link = html("a").attribute("href", format!("{SUBSET}/{name}")).text(&entry.title);
        html("li").child(link).text(format!(" ({})", entry.type_code.display))
    };
    let title = submission.set.title.as_deref().unwrap_or("Documents de santé");
    let charset =
        html("meta").attribute("http-equiv", "Content-Type").attribute("content", "text/html; charset=UTF-8");
    let body = html("body")
        .child(html("h1").text(title))
        .child(html("p").text("Documents transmis :"))
        .child(html("ul").with(submission.entries.iter().zip(names).map(item)))
        .child(html("p").child(html("a").attribute("href", "README.TXT").text("À propos de cette archive")));
    let page = html("html")
        .attribute("lang", "fr")
        .child(html("head").child(charset).child(html("title").text(title)))
        .child(body);
    let mut bytes = b"<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML Basic 1.0//EN\" \
        \"http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd\">\n"
        .to_vec();
    // A browser that reads this as HTML does not know `<meta …></meta>`.
    bytes.extend(
        String::from_utf8_lossy(&xml::element(&page, &Method::INCLUSIVE))
            .replace("></meta>", "/>")
            .as_bytes(),
    );
    bytes
}

/// Plain ASCII, as readers of any age can show it.
fn readme(software: &str) -> String {
    let software: String = software
        .chars()
        .map(|sign| if sign.is_ascii_graphic() || sign == ' ' { sign } else { '?' })
        .collect();
    [
        "Archive IHE XDM",
        "===============",
        "",
        "Cette archive contient des documents de sante au format IHE XDM.",
        "",
        "INDEX.HTM                        liste des documents",
        "IHE_XDM/SUBSET01/METADATA.XML    metadonnees (ebRIM)",
        "IHE_XDM/SUBSET01/DOC*.*          documents",
        "",
        "Ces documents sont personnels : ils ne doivent etre lus que par leurs destinataires.",
        "",
    ]
    .iter()
    .map(|line| format!("{line}\r\n"))
    .chain([format!("Cree par : {software}\r\n")])
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn made() -> Vec<u8> {
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        archive(example::submission(), &[example::DOCUMENT], "Vigie 0.1.0", at).unwrap()
    }

    #[test]
    fn the_same_submission_gives_the_same_bytes_and_names_its_files() {
        let bytes = made();
        assert_eq!(bytes, made());
        let text = String::from_utf8_lossy(&bytes);
        for name in
            ["INDEX.HTM", "README.TXT", "IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.XML"]
        {
            assert!(text.contains(name), "{name}");
        }
        assert!(text.contains("<rim:Slot name=\"URI\"><rim:ValueList><rim:Value>DOC00001.XML</rim:Value>"));
    }

    #[test]
    fn entries_and_documents_go_together() {
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        assert!(archive(example::submission(), &[], "Vigie", at).is_err());
    }
}
