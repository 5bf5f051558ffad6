//! Finds out whether the bytes read so far are a whole HTTP/1.1 answer. Pure, so that split reads can be tested byte by byte.

use std::ops::Range;

/// More header lines than this are taken for a broken server.
const HEADERS_MAX: usize = 32;

/// What the bytes read so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Read on.
    Partial,
    /// One answer, possibly followed by bytes that do not belong to it.
    Whole(Whole),
}

/// One answer inside the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) body: Body,
    /// Length in bytes of head and body as they came.
    pub(super) length: usize,
    /// The server closes the connection after this answer.
    pub(super) closes: bool,
}

/// Where the body stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// In the read buffer itself.
    InPlace(Range<usize>),
    /// Came in chunks and was put together in the second buffer.
    Joined,
}

enum Framing {
    Length(usize),
    Chunked,
}

/// Looks at everything read since the request was sent. `joined` is overwritten only by a chunked answer.
pub(super) fn parse(bytes: &[u8], joined: &mut Vec<u8>) -> Result<Parsed, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(Parsed::Partial),
        Err(cause) => return Err(format!("not an HTTP answer: {cause}")),
    };
    let status = response.code.unwrap_or(0);
    let closes = response.version != Some(1) || has_token(response.headers, "connection", "close");
    let (body, length) = match framing(status, response.headers)? {
        Framing::Length(length) => {
            let end = head.checked_add(length).ok_or("a content-length beyond all bounds")?;
            if bytes.len() < end {
                return Ok(Parsed::Partial);
            }
            (Body::InPlace(head..end), end)
        }
        Framing::Chunked => match join_chunks(&bytes[head..], joined)? {
            Some(length) => (Body::Joined, head + length),
            None => return Ok(Parsed::Partial),
        },
    };
    Ok(Parsed::Whole(Whole { status, body, length, closes }))
}

fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Result<Framing, String> {
    if status == 204 || status == 304 {
        return Ok(Framing::Length(0));
    }
    if has_token(headers, "transfer-encoding", "chunked") {
        return Ok(Framing::Chunked);
    }
    let length = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    match length {
        None => Err(format!("an answer {status} that does not say how long it is")),
        Some(header) => std::str::from_utf8(header.value)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .map(Framing::Length)
            .ok_or_else(|| "a content-length that is not a number".to_owned()),
    }
}

fn has_token(headers: &[httparse::Header<'_>], name: &str, token: &str) -> bool {
    headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case(name))
        .flat_map(|header| header.value.split(|&byte| byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The length of the chunked body, or `None` while a part of it is missing.
fn join_chunks(bytes: &[u8], joined: &mut Vec<u8>) -> Result<Option<usize>, String> {
    joined.clear();
    let mut at = 0;
    loop {
        let (start, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete((start, size))) => (at + start, size as usize),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk without a proper size".to_owned()),
        };
        let end = start.checked_add(size).and_then(|end| end.checked_add(2)).ok_or("a chunk beyond all bounds")?;
        if bytes.len() < end {
            return Ok(None);
        }
        if &bytes[end - 2..end] != b"\r\n" {
            // After the last chunk this would be a trailer, which nothing here sends.
            return Err("a chunk that does not end where it says".to_owned());
        }
        joined.extend_from_slice(&bytes[start..end - 2]);
        if size == 0 {
            return Ok(Some(end));
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds every prefix: each but the whole must be partial.
    fn parse_grown(bytes: &[u8]) -> (Whole, Vec<u8>) {
        let mut joined = Vec::new();
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end], &mut joined), Ok(Parsed::Partial), "after {end} bytes");
        }
        let Ok(Parsed::Whole(whole)) = parse(bytes, &mut joined) else { panic!("all bytes are there") };
        let body = match &whole.body {
            Body::InPlace(range) => bytes[range.clone()].to_vec(),
            Body::Joined => joined,
        };
        assert_eq!(whole.length, bytes.len());
        (whole, body)
    }

    #[test]
    fn an_answer_split_anywhere_is_read_to_its_end() {
        let (whole, body) = parse_grown(b"HTTP/1.1 201 Created\r\ncontent-length: 13\r\n\r\n{\"entryId\":1}");
        assert_eq!((whole.status, whole.closes), (201, false));
        assert_eq!(body, b"{\"entryId\":1}");
    }

    #[test]
    fn a_chunked_answer_split_anywhere_is_joined() {
        let (whole, body) = parse_grown(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
        );
        assert_eq!(whole.status, 200);
        assert_eq!(body, b"abc0123456789");
    }

    #[test]
    fn no_content_needs_no_length() {
        let (whole, body) = parse_grown(b"HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!((whole.status, body.len()), (204, 0));
    }

    #[test]
    fn a_closing_server_is_noticed() {
        for head in ["HTTP/1.1 503 x\r\nConnection: foo, Close\r\n", "HTTP/1.0 200 OK\r\n"] {
            let (whole, _) = parse_grown(format!("{head}content-length: 0\r\n\r\n").as_bytes());
            assert!(whole.closes, "{head}");
        }
    }

    #[test]
    fn bytes_behind_the_answer_are_not_counted_as_its_own() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1";
        let Ok(Parsed::Whole(whole)) = parse(bytes, &mut Vec::new()) else { panic!("whole") };
        assert_eq!(whole.length, bytes.len() - "HTTP/1.1".len());
    }

    #[test]
    fn what_is_not_an_answer_is_an_error() {
        for bytes in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc",
        ] {
            assert!(parse(bytes.as_bytes(), &mut Vec::new()).is_err(), "{bytes}");
        }
    }
}
