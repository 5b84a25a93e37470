//! MTOM/XOP packages: `multipart/related` with the envelope first and documents as parts (W3C MTOM 1.0, XOP 1.0, RFC 2387).

use crate::problem::{Category, Problem};

/// A part of a package.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Content id without angle brackets.
    pub content_id: String,
    /// Media type with its parameters.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A package: the first part is the root. There is no `Debug`: it is patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// The root.
    pub root: Part,
    /// The others.
    pub parts: Vec<Part>,
}

/// Parts that a package may have.
const PARTS_MAX: usize = 64;
/// Bytes of the headers of one part.
const HEADERS_MAX: usize = 8 * 1024;

/// Media type of an envelope with parts beside it.
#[must_use]
pub fn xop_type(action: &str) -> String {
    format!("application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"; action=\"{action}\"")
}

impl Package {
    /// The part of that content id.
    #[must_use]
    pub fn part(&self, content_id: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.content_id == content_id)
    }

    /// The package as bytes, with its media type: `type`, `start` and `start-info` as WS-I and XOP want them.
    ///
    /// The boundary must stand in no part; one made from an id does not.
    ///
    /// # Errors
    /// Internal when the boundary does stand in a part.
    pub fn write(
        &self,
        boundary: &str,
        kind: &str,
        start_info: Option<&str>,
    ) -> Result<(String, Vec<u8>), Problem> {
        let all = || std::iter::once(&self.root).chain(&self.parts);
        let delimiter = format!("--{boundary}");
        let mut bytes = Vec::with_capacity(all().map(|part| part.bytes.len() + 256).sum());
        for part in all() {
            if find(&part.bytes, delimiter.as_bytes()).is_some() {
                return Err(Problem::internal("a boundary stands in what it should bound"));
            }
            let head = format!(
                "{delimiter}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n",
                part.content_type, part.content_id
            );
            bytes.extend(head.as_bytes());
            bytes.extend(&part.bytes);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("{delimiter}--\r\n").as_bytes());
        let start_info = start_info.map(|info| format!("; start-info=\"{info}\"")).unwrap_or_default();
        let media = format!(
            "multipart/related; boundary=\"{boundary}\"; type=\"{kind}\"; start=\"<{}>\"{start_info}",
            self.root.content_id
        );
        Ok((media, bytes))
    }

    /// Reads a package of that media type. Parts in any order; the one that `start` names is the root, else the first.
    ///
    /// # Errors
    /// `Malformed` when it is no such package or two parts have one content id; `TooLarge` beyond 64 parts. Transfer
    /// encodings other than binary, 8bit, 7bit and base64 are refused.
    pub fn read(content_type: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("multipart/related") {
            return Err(malformed("it is no multipart/related"));
        }
        let boundary =
            parameter(content_type, "boundary").filter(|text| !text.is_empty() && text.len() <= 200);
        let boundary = boundary.ok_or_else(|| malformed("there is no boundary"))?;
        let mut parts = split(bytes, &format!("--{boundary}"))?
            .into_iter()
            .enumerate()
            .map(|(n, part)| read_part(n, part))
            .collect::<Result<Vec<_>, _>>()?;
        let mut ids: Vec<&str> = parts.iter().map(|part| part.content_id.as_str()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(malformed("two parts have one content id"));
        }
        let start = parameter(content_type, "start").map(|id| bare_id(&id));
        let place = match &start {
            Some(id) => parts.iter().position(|part| part.content_id == *id),
            None => Some(0),
        };
        match place.filter(|place| *place < parts.len()) {
            Some(place) => {
                let root = parts.remove(place);
                Ok(Self { root, parts })
            }
            None => Err(malformed("the part that start names is not there")),
        }
    }
}

fn malformed(what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", format!("the package cannot be read: {what}"))
}

/// A content id as a `cid:` address writes it, decoded (RFC 2392).
#[must_use]
pub fn decoded_id(id: &str) -> String {
    let mut bytes = Vec::with_capacity(id.len());
    let mut rest = id.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bare_id(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').to_owned()
}

/// The value of a parameter of a media type, quoted or not.
#[must_use]
pub fn parameter(media: &str, name: &str) -> Option<String> {
    let mut rest = media.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut signs = quoted.char_indices();
            loop {
                match signs.next()? {
                    (_, '\\') => value.push(signs.next()?.1),
                    (at, '"') => break (value, &quoted[at + 1..]),
                    (_, sign) => value.push(sign),
                }
            }
        } else {
            let end = after.find(';').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next.split_once(';')?.1;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// What stands between the delimiters: each at the start of a line, the last with `--` behind it.
fn split<'a>(bytes: &'a [u8], delimiter: &str) -> Result<Vec<&'a [u8]>, Problem> {
    let delimiter = delimiter.as_bytes();
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], delimiter).map(|at| at + from) {
        let behind = at + delimiter.len();
        from = behind;
        let line_start = at == 0 || bytes[at - 1] == b'\n';
        let rest = &bytes[behind..];
        let is_last = rest.starts_with(b"--");
        let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| rest[padding..].starts_with(end));
        if !line_start || (!is_last && line_end.is_none()) {
            continue;
        }
        if let Some((begin, _)) = starts.last() {
            let mut end = at;
            end -= usize::from(end > *begin && bytes[end - 1] == b'\n');
            end -= usize::from(end > *begin && bytes[end - 1] == b'\r');
            parts.push(&bytes[*begin..end]);
        }
        if is_last {
            return if parts.is_empty() { Err(malformed("it has no part")) } else { Ok(parts) };
        }
        if parts.len() >= PARTS_MAX {
            return Err(Problem::new(
                Category::TooLarge,
                "too-long",
                format!("a package of more than {PARTS_MAX} parts"),
            ));
        }
        starts.push((behind + padding + line_end.map_or(0, <[u8]>::len), at));
    }
    Err(malformed("it breaks off"))
}

fn read_part(n: usize, part: &[u8]) -> Result<Part, Problem> {
    use base64::Engine as _;
    let gap =
        [&b"\r\n\r\n"[..], b"\n\n"].into_iter().filter_map(|gap| Some((find(part, gap)?, gap.len()))).min();
    let (head, body) = match gap {
        // A part without headers begins with its empty line.
        _ if part.starts_with(b"\r\n") => (&part[..0], &part[2..]),
        Some((at, length)) => (&part[..at], &part[at + length..]),
        None => return Err(malformed("a part has no body")),
    };
    if head.len() > HEADERS_MAX {
        return Err(malformed("a part has too many headers"));
    }
    let head = std::str::from_utf8(head).map_err(|_| malformed("a header is no UTF-8"))?;
    let unfolded = head.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let header = |name: &str| {
        let found = unfolded.lines().filter_map(|line| line.split_once(':'));
        found
            .into_iter()
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let encoding =
        header("Content-Transfer-Encoding").unwrap_or_else(|| "binary".to_owned()).to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "binary" | "8bit" | "7bit" => body.to_vec(),
        "base64" => {
            let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            decoded.map_err(|_| malformed("a part is no Base64"))?
        }
        _ => return Err(malformed("a transfer encoding is not supported")),
    };
    Ok(Part {
        content_id: header("Content-ID").map_or_else(|| format!("part-{n}"), |id| bare_id(&id)),
        content_type: header("Content-Type").unwrap_or_else(|| "text/plain".to_owned()),
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(content_id: &str, bytes: &[u8]) -> Part {
        Part {
            content_id: content_id.to_owned(),
            content_type: "application/octet-stream".to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_back(one: Vec<u8>, two in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..60)) {
            let package = Package { root: part("0.1", &one), parts: vec![part("0.2", &two)] };
            let (media, bytes) = package.write("uuid_8e0e0f3f", "application/xop+xml", Some("application/soap+xml")).unwrap();
            prop_assert!(Package::read(&media, &bytes).unwrap() == package);
        }

        #[test]
        fn no_bytes_panic(media in ".{0,60}", bytes: Vec<u8>) {
            let _ = Package::read(&media, &bytes);
            let _ = Package::read("multipart/related; boundary=a", &bytes);
            let _ = parameter(&media, "boundary");
        }
    }

    #[test]
    fn other_writers_are_understood() {
        let text = "preamble\r\n--b \r\ncontent-id: <two>\r\nContent-Transfer-Encoding: base64\r\n\r\nYW\r\nJj\r\n--b\nContent-ID:\n  <one>\nContent-Type: a/b;\n\tc=d\n\nroot\n--b-- \r\nepilogue";
        let read = Package::read("Multipart/Related; Start=\"<one>\"; BOUNDARY=b", text.as_bytes()).unwrap();
        assert_eq!((read.root.bytes.as_slice(), read.root.content_type.as_str()), (&b"root"[..], "a/b; c=d"));
        assert_eq!(read.part("two").unwrap().bytes, b"abc");
        assert_eq!(decoded_id("a%40b%2"), "a@b%2");
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let check =
            |media: &str, text: &str| assert!(Package::read(media, text.as_bytes()).is_err(), "{text}");
        check("text/xml", "--b\r\n\r\nx\r\n--b--");
        check("multipart/related", "--b\r\n\r\nx\r\n--b--");
        check("multipart/related; boundary=b", "--b\r\n\r\nx");
        check("multipart/related; boundary=b", "--b--");
        check("multipart/related; boundary=b; start=\"<z>\"", "--b\r\n\r\nx\r\n--b--");
        check(
            "multipart/related; boundary=b",
            "--b\r\nContent-ID: <1>\r\n\r\nx\r\n--b\r\nContent-ID: <1>\r\n\r\nx\r\n--b--",
        );
        check(
            "multipart/related; boundary=b",
            "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx\r\n--b--",
        );
        check("multipart/related; boundary=b", &format!("{}--b--", "--b\r\n\r\nx\r\n".repeat(70)));
    }

    #[test]
    fn a_boundary_that_stands_in_a_part_is_found() {
        let package = Package { root: part("1", b"x--bound"), parts: vec![] };
        assert!(package.write("bound", "a/b", None).is_err());
    }
}
