//! The sandbox's side of a connection: requests are read and answered one after the other, in buffers that are reused.

use std::io::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::acts::Act;
use super::book::{Charged, Said, Word, is_reference};
use super::{Desk, tell};

/// Bytes of a request at most.
const REQUEST_BYTES: usize = 16 * 1024;
const HEADERS: usize = 32;
/// Orders on a page of the list, unless it says otherwise, and at most.
const PAGE: usize = 1_000;
const PAGE_MOST: usize = 10_000;

/// The head of a request, by where its parts stand in the buffer.
struct Head {
    is_post: bool,
    path: Range<usize>,
    body: Range<usize>,
    has_key: bool,
    idempotency_key: Option<Range<usize>>,
    closes: bool,
}

#[derive(Deserialize)]
struct Order<'a> {
    reference: &'a str,
    amount: i64,
}

/// How a connection goes on.
#[derive(PartialEq, Eq)]
enum Then {
    Answer,
    HangUp,
}

/// Serves one connection until the client goes, or is hung up on.
pub(super) async fn serve(mut stream: TcpStream, desk: Arc<Desk>) {
    let _ = stream.set_nodelay(true);
    let (mut buffer, mut filled, mut out) = (vec![0; REQUEST_BYTES], 0, Vec::with_capacity(1_024));
    loop {
        let head = match read_head(&buffer[..filled], &desk.authorization) {
            Ok(Some(head)) => head,
            Ok(None) if filled < buffer.len() => {
                match stream.read(&mut buffer[filled..]).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => filled += count,
                }
                continue;
            }
            Ok(None) | Err(()) => {
                answer(&mut out, "400 Bad Request", br#"{"error":"malformed"}"#);
                let _ = stream.write_all(&out).await;
                return;
            }
        };
        out.clear();
        let then = match respond(&desk, &head, &buffer, &mut out).await {
            Ok(then) => then,
            Err(error) => {
                tracing::error!(%error, "the journal of the sandbox cannot be written");
                answer(&mut out, "500 Internal Server Error", br#"{"error":"journal"}"#);
                Then::Answer
            }
        };
        if then == Then::HangUp || stream.write_all(&out).await.is_err() || head.closes {
            return;
        }
        buffer.copy_within(head.body.end..filled, 0);
        filled -= head.body.end;
    }
}

/// The request that the buffer begins with; nothing while it is not whole.
fn read_head(bytes: &[u8], authorization: &[u8]) -> Result<Option<Head>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = request.parse(bytes).map_err(|_| ())? else { return Ok(None) };
    let place = |part: &[u8]| {
        let from = part.as_ptr().addr() - bytes.as_ptr().addr();
        from..from + part.len()
    };
    let (mut length, mut has_key, mut idempotency_key, mut closes) = (0, false, None, false);
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            length = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok()).ok_or(())?;
        } else if is("authorization") {
            has_key = header.value == authorization;
        } else if is("idempotency-key") {
            idempotency_key = Some(place(header.value));
        } else if is("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        } else if is("transfer-encoding") {
            return Err(());
        }
    }
    let end = start.checked_add(length).filter(|end| *end <= REQUEST_BYTES).ok_or(())?;
    if end > bytes.len() {
        return Ok(None);
    }
    let path = place(request.path.unwrap_or_default().as_bytes());
    Ok(Some(Head { is_post: request.method == Some("POST"), path, body: start..end, has_key, idempotency_key, closes }))
}

async fn respond(desk: &Arc<Desk>, head: &Head, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<Then> {
    let path = std::str::from_utf8(&bytes[head.path.clone()]).unwrap_or_default();
    if !head.has_key {
        answer(out, "401 Unauthorized", br#"{"error":"unknown_key"}"#);
        return Ok(Then::Answer);
    }
    match (head.is_post, path) {
        (true, "/v1/charges" | "/v1/cancellations") => {
            let key = head.idempotency_key.clone().map(|place| &bytes[place]);
            let order: Option<Order<'_>> = serde_json::from_slice(&bytes[head.body.clone()]).ok();
            let fits = |order: &Order<'_>| {
                is_reference(order.reference)
                    && order.amount >= 1
                    && key.is_none_or(|key| key == order.reference.as_bytes())
            };
            match order.filter(fits) {
                Some(order) if path == "/v1/charges" => charge(desk, &order, out).await,
                Some(order) => cancel(desk, &order, out),
                None => {
                    answer(out, "422 Unprocessable Entity", br#"{"error":"invalid_order"}"#);
                    Ok(Then::Answer)
                }
            }
        }
        (false, _) => {
            show(desk, path, out);
            Ok(Then::Answer)
        }
        _ => {
            answer(out, "404 Not Found", br#"{"error":"unknown"}"#);
            Ok(Then::Answer)
        }
    }
}

async fn charge(desk: &Arc<Desk>, order: &Order<'_>, out: &mut Vec<u8>) -> io::Result<Then> {
    let Order { reference, amount } = *order;
    if Act::of(amount) == Act::Slow {
        sleep(desk.slow).await;
    }
    loop {
        let Charged { said, decided, begun } = desk.book.lock().charge(reference, amount)?;
        if let Some(word) = decided {
            tell(desk, reference, amount, word);
        }
        if begun {
            desk.decide_later(reference);
        }
        let word = match said {
            Said::Answer(word) => word,
            Said::Undecided => {
                desk.decided.notified().await;
                continue;
            }
            other => return Ok(refuse(&other, out)),
        };
        match word {
            Word::Approved => answer_order(out, order, format_args!(r#""status":"approved""#)),
            Word::Declined(reason) => {
                answer_order(out, order, format_args!(r#""status":"declined","reason":"{reason}""#));
            }
        }
        return Ok(Then::Answer);
    }
}

fn cancel(desk: &Arc<Desk>, order: &Order<'_>, out: &mut Vec<u8>) -> io::Result<Then> {
    match desk.book.lock().cancel(order.reference, order.amount)? {
        Said::Answer(refunded) => {
            answer_order(out, order, format_args!(r#""status":"canceled","refunded":{refunded}"#));
            Ok(Then::Answer)
        }
        other => Ok(refuse(&other, out)),
    }
}

/// What is said without an answer.
fn refuse<T>(said: &Said<T>, out: &mut Vec<u8>) -> Then {
    match said {
        Said::Busy => answer(out, "503 Service Unavailable", br#"{"error":"busy"}"#),
        Said::Reused => answer(out, "422 Unprocessable Entity", br#"{"error":"reference_reused"}"#),
        Said::Answer(_) | Said::Nothing | Said::Undecided => return Then::HangUp,
    }
    Then::Answer
}

fn show(desk: &Desk, path: &str, out: &mut Vec<u8>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let number = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let shown = match path.strip_prefix("/v1/charges") {
        Some("") => {
            let limit = number("limit").unwrap_or(PAGE).clamp(1, PAGE_MOST);
            Some(desk.book.lock().list(number("after").unwrap_or(0), limit))
        }
        Some(rest) => rest.strip_prefix('/').and_then(|reference| desk.book.lock().show(reference)),
        None => None,
    };
    match shown {
        Some(shown) => answer(out, "200 OK", shown.to_string().as_bytes()),
        None => answer(out, "404 Not Found", br#"{"error":"unknown"}"#),
    }
}

fn answer(out: &mut Vec<u8>, status: &str, body: &[u8]) {
    let length = body.len();
    // Writing into memory does not fail.
    let _ = write!(out, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    out.extend_from_slice(body);
}

fn answer_order(out: &mut Vec<u8>, order: &Order<'_>, more: std::fmt::Arguments<'_>) {
    let Order { reference, amount } = order;
    answer(out, "200 OK", format!(r#"{{"reference":"{reference}","amount":{amount},{more}}}"#).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_it_is_whole() {
        let text = b"POST /v1/charges HTTP/1.1\r\nAuthorization: Bearer k\r\nIdempotency-Key: a\r\ncontent-length: 2\r\n\r\n{}GET";
        for length in 0..text.len() - 3 {
            assert!(read_head(&text[..length], b"Bearer k").expect("no error").is_none(), "{length}");
        }
        let head = read_head(text, b"Bearer k").expect("no error").expect("it is whole");
        assert!(head.is_post && head.has_key && !head.closes);
        assert_eq!(&text[head.path.clone()], b"/v1/charges");
        assert_eq!(&text[head.body.clone()], b"{}");
        assert_eq!(head.idempotency_key.map(|place| &text[place]), Some(&b"a"[..]));
        for wrong in [
            &b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\ncontent-length: 99999\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
            b"\0\0\r\n\r\n",
        ] {
            assert!(read_head(wrong, b"").is_err());
        }
    }
}
