//! Texts as strings are searched: without case and without the accents of the Latin script (R4 3.1.1.4.8).

/// The text in lower case, without accents, each run of blanks as one.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        // Letter by letter only from the first one that may have an accent.
        let plain = word.bytes().position(|b| !b.is_ascii()).unwrap_or(word.len());
        let (plain, rest) = word.split_at(plain);
        let start = folded.len();
        folded.push_str(plain);
        folded[start..].make_ascii_lowercase();
        for c in rest.chars().flat_map(char::to_lowercase) {
            push_plain(&mut folded, c);
        }
    }
    folded
}

fn push_plain(folded: &mut String, c: char) {
    let plain = match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'ş' | 'š' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        '’' => '\'',
        '\u{300}'..='\u{36f}' => return,
        'æ' => return folded.push_str("ae"),
        'œ' => return folded.push_str("oe"),
        'ß' => return folded.push_str("ss"),
        other => other,
    };
    folded.push(plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(fold(text), expected);
    }

    #[test]
    fn case_and_accents_do_not_count() {
        check("PAT-TROIS", "pat-trois");
        check("Éléonore  Œuvre", "eleonore oeuvre");
        check("E\u{301}le\u{301}onore", "eleonore");
        check("D’Août", "d'aout");
    }
}
