//! Texts as strings are searched: without case and without the accents of the Latin script (R4 3.1.1.4.8).

/// The text in lower case, without accents, each run of blanks as one.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut apart = false;
    for c in text.chars() {
        if c.is_ascii_graphic() && !apart {
            folded.push(c.to_ascii_lowercase());
            continue;
        }
        if c.is_whitespace() {
            apart = !folded.is_empty();
            continue;
        }
        if std::mem::take(&mut apart) {
            folded.push(' ');
        }
        if c.is_ascii() {
            folded.push(c.to_ascii_lowercase());
        } else {
            c.to_lowercase().for_each(|c| push_plain(&mut folded, c));
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
        check(" \t Œdème\u{a0} DES\n\u{2009}pieds ", "oedeme des pieds");
        check("a \u{301} B", "a  b");
        check("\u{301} \u{301}B", "b");
        check(" ", "");
    }
}
