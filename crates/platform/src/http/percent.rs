//! Percent-encoding: any text as part of a query or a path (RFC 3986, section 2).

/// The text with every byte written as `%XX` that is not unreserved: letters, digits and `-._~` stay.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_encoded() {
        assert_eq!(encoded("aZ0-._~"), "aZ0-._~");
        assert_eq!(encoded("a<b c&d=%+/?#"), "a%3Cb%20c%26d%3D%25%2B%2F%3F%23");
        assert_eq!(encoded("\u{ac00}"), "%EA%B0%80", "byte by byte");
        assert_eq!(encoded(""), "");
    }
}
