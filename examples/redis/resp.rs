//! The protocol of Redis, RESP 2: requests as a server reads them, and replies.
//!
//! A request is an array of strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or a line of words. What is announced is not believed: memory is taken as
//! bytes come, and what is too long is refused at its announcement.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;

use smarm::net::TcpStream;

/// The words of a request; the first one is the name of the command.
pub(crate) type Arguments = Vec<Vec<u8>>;

pub(crate) const MOST_ARGUMENTS: usize = 64 << 10;
pub(crate) const MOST_ARGUMENT_BYTES: usize = 8 << 20;
/// Of all arguments of a request.
pub(crate) const MOST_REQUEST_BYTES: usize = 16 << 20;
/// Of a line: a request of words, or the announcement of a length.
pub(crate) const MOST_LINE_BYTES: usize = 4 << 10;
/// Room for arguments that is made before they have come.
const FIRST_ARGUMENTS: usize = 8;
/// An emptied buffer that has grown beyond this is given back.
const KEPT_BUFFER_BYTES: usize = 64 << 10;

/// The other end does not speak the protocol: what it is told before the connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ProtocolError(&'static str);

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERR Protocol error: {}", self.0)
    }
}

// ---- requests ---------------------------------------------------------------------------------------------------------

/// Bytes on their way to become requests.
#[derive(Default)]
pub(crate) struct Requests {
    buffer: Vec<u8>,
    /// How much of the buffer is done with.
    taken: usize,
    partial: Option<Partial>,
}

/// A request of which some arguments have come.
struct Partial {
    arguments: Arguments,
    missing: usize,
    bytes: usize,
    /// The length of the next argument, if it has been announced.
    announced: Option<usize>,
}

impl Requests {
    /// Adds what has come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next request, if it has come; empty lines are skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Arguments>, ProtocolError> {
        loop {
            if self.partial.is_none() {
                match self.begin()? {
                    Begun::Nothing => return Ok(None),
                    Begun::Words(words) if words.is_empty() => continue,
                    Begun::Words(words) => return Ok(Some(words)),
                    Begun::Array(0) => continue,
                    Begun::Array(missing) => {
                        let arguments = Vec::with_capacity(missing.min(FIRST_ARGUMENTS));
                        self.partial = Some(Partial { arguments, missing, bytes: 0, announced: None });
                    }
                }
            }
            return self.go_on();
        }
    }

    fn begin(&mut self) -> Result<Begun, ProtocolError> {
        let Some(line) = take_line(&self.buffer, &mut self.taken)? else { return Ok(Begun::Nothing) };
        let Some(count) = line.strip_prefix(b"*") else {
            return Ok(Begun::Words(split(line)?));
        };
        match number(count) {
            Some(count) if count > MOST_ARGUMENTS as i64 => Err(ProtocolError("too many arguments")),
            Some(count) => Ok(Begun::Array(usize::try_from(count).unwrap_or(0))),
            None => Err(ProtocolError("invalid multibulk length")),
        }
    }

    /// Takes the arguments that have come, of the request that has begun.
    fn go_on(&mut self) -> Result<Option<Arguments>, ProtocolError> {
        let Some(mut partial) = self.partial.take() else { return Ok(None) };
        while partial.missing > 0 {
            if !partial.take_argument(&self.buffer, &mut self.taken)? {
                self.partial = Some(partial);
                return Ok(None);
            }
        }
        Ok(Some(partial.arguments))
    }
}

enum Begun {
    Nothing,
    Words(Arguments),
    Array(usize),
}

impl Partial {
    /// Whether the next argument has come.
    fn take_argument(&mut self, buffer: &[u8], taken: &mut usize) -> Result<bool, ProtocolError> {
        if self.announced.is_none() {
            let Some(line) = take_line(buffer, taken)? else { return Ok(false) };
            self.announced = Some(self.announce(line)?);
        }
        let length = self.announced.expect("announced above, or before");
        let rest = &buffer[*taken..];
        if rest.len() < length + LINE_END.len() {
            return Ok(false);
        }
        if !rest[length..].starts_with(LINE_END) {
            return Err(ProtocolError("a string is longer than announced"));
        }
        self.arguments.push(rest[..length].to_vec());
        *taken += length + LINE_END.len();
        self.missing -= 1;
        self.announced = None;
        Ok(true)
    }

    fn announce(&mut self, line: &[u8]) -> Result<usize, ProtocolError> {
        let Some(length) = line.strip_prefix(b"$") else {
            return Err(ProtocolError("expected '$'"));
        };
        let length = number(length).and_then(|length| usize::try_from(length).ok());
        let Some(length) = length.filter(|length| *length <= MOST_ARGUMENT_BYTES) else {
            return Err(ProtocolError("invalid bulk length"));
        };
        self.bytes += length;
        if self.bytes > MOST_REQUEST_BYTES {
            return Err(ProtocolError("the request is too long"));
        }
        Ok(length)
    }
}

const LINE_END: &[u8] = b"\r\n";

/// The next line without its end, if it has come. As in Redis the `\r` may be missing.
fn take_line<'a>(buffer: &'a [u8], taken: &mut usize) -> Result<Option<&'a [u8]>, ProtocolError> {
    let rest = &buffer[*taken..];
    let window = &rest[..rest.len().min(MOST_LINE_BYTES)];
    let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
        return if rest.len() >= MOST_LINE_BYTES {
            Err(ProtocolError("a line is too long"))
        } else {
            Ok(None)
        };
    };
    *taken += end + 1;
    Ok(Some(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end])))
}

/// The words of a line; those in quotes may have spaces, and `\` before a quote or a `\`.
fn split(line: &[u8]) -> Result<Arguments, ProtocolError> {
    let mut words = Vec::new();
    let mut bytes = line.iter().copied().peekable();
    loop {
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        let Some(&first) = bytes.peek() else { return Ok(words) };
        let mut word = Vec::new();
        if first == b'"' || first == b'\'' {
            bytes.next();
            loop {
                match bytes.next() {
                    Some(byte) if byte == first => break,
                    Some(b'\\') => word.extend(bytes.next()),
                    Some(byte) => word.push(byte),
                    None => return Err(ProtocolError("unbalanced quotes in request")),
                }
            }
            if bytes.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return Err(ProtocolError("unbalanced quotes in request"));
            }
        } else {
            while let Some(byte) = bytes.next_if(|byte| !byte.is_ascii_whitespace()) {
                word.push(byte);
            }
        }
        words.push(word);
    }
}

/// A number as Redis writes it: without `+`, spaces and zeros in front.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    let (digits, sign) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, -1),
        None => (text, 1),
    };
    let is_usual = match digits {
        [b'0'] => sign == 1,
        [first, ..] => *first != b'0',
        [] => false,
    };
    if !is_usual {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        value.checked_mul(10)?.checked_add(sign * digit)
    })
}

// ---- replies ----------------------------------------------------------------------------------------------------------

/// Replies as they are written one after the other.
pub(crate) trait Reply {
    fn simple(&mut self, text: &str);
    /// Line ends in it become spaces.
    fn error(&mut self, text: &str);
    fn integer(&mut self, value: i64);
    fn bulk(&mut self, bytes: &[u8]);
    /// There is no such value.
    fn null(&mut self);
    fn bulk_or_null(&mut self, bytes: Option<&Vec<u8>>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }
    /// So many replies follow that belong to it.
    fn array(&mut self, length: usize);
}

impl Reply for Vec<u8> {
    fn simple(&mut self, text: &str) {
        self.push(b'+');
        self.extend_from_slice(text.as_bytes());
        self.extend_from_slice(LINE_END);
    }

    fn error(&mut self, text: &str) {
        self.push(b'-');
        self.extend(text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        self.extend_from_slice(LINE_END);
    }

    fn integer(&mut self, value: i64) {
        write!(self, ":{value}\r\n").expect("a vector takes everything");
    }

    fn bulk(&mut self, bytes: &[u8]) {
        write!(self, "${}\r\n", bytes.len()).expect("a vector takes everything");
        self.extend_from_slice(bytes);
        self.extend_from_slice(LINE_END);
    }

    fn null(&mut self) {
        self.extend_from_slice(b"$-1\r\n");
    }

    fn array(&mut self, length: usize) {
        write!(self, "*{length}\r\n").expect("a vector takes everything");
    }
}

// ---- a client ---------------------------------------------------------------------------------------------------------

/// What a client is answered.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Text(Vec<u8>),
    Error(String),
    Integer(i64),
    Null,
    Array(Vec<Answer>),
}

impl Answer {
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self, Self::Text(bytes) if bytes == text.as_bytes())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Self::Error(text) => write!(f, "({text})"),
            Self::Integer(value) => value.fmt(f),
            Self::Null => f.write_str("(nothing)"),
            Self::Array(answers) => f.debug_list().entries(answers).finish(),
        }
    }
}

/// The other end, of a server that is trusted.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn ask<S: AsRef<[u8]>>(&mut self, words: &[S]) -> io::Result<Answer> {
        self.send(words)?;
        self.receive()
    }

    pub(crate) fn send<S: AsRef<[u8]>>(&mut self, words: &[S]) -> io::Result<()> {
        let mut request = Vec::new();
        request.array(words.len());
        words.iter().for_each(|word| request.bulk(word.as_ref()));
        self.send_bytes(&request)
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        let unexpected =
            || io::Error::new(ErrorKind::InvalidData, format!("no reply begins like this: {line}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(unexpected)?;
        let length = || rest.parse::<i64>().map_err(|_| unexpected());
        match kind {
            "+" => Ok(Answer::Text(rest.into())),
            "-" => Ok(Answer::Error(rest.into())),
            ":" => Ok(Answer::Integer(length()?)),
            "$" | "*" if rest == "-1" => Ok(Answer::Null),
            "$" => self.receive_bytes(length()? as usize),
            "*" => (0..length()?).map(|_| self.receive()).collect::<Result<_, _>>().map(Answer::Array),
            _ => Err(unexpected()),
        }
    }

    fn receive_bytes(&mut self, length: usize) -> io::Result<Answer> {
        let mut bytes = vec![0; length + LINE_END.len()];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Answer::Text(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of these bytes if they come in pieces of so many.
    fn requests(bytes: &[u8], piece: usize) -> Result<Vec<Arguments>, ProtocolError> {
        let (mut requests, mut found) = (Requests::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            requests.feed(piece);
            while let Some(request) = requests.next()? {
                found.push(request);
            }
        }
        assert!(requests.buffer.capacity() <= 2 * (MOST_REQUEST_BYTES + bytes.len()));
        Ok(found)
    }

    fn words(words: &[&str]) -> Arguments {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn requests_are_read_alike_however_they_come() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nPING\r\n*0\r\n*-1\r\n*1\r\n$0\r\n\r\nset 'a b' \"c\\\"d\" e\n*1\r\n$4\r\na\r\nb\r\n";
        let expected = [
            words(&["GET", "k"]),
            words(&["PING"]),
            words(&[""]),
            words(&["set", "a b", "c\"d", "e"]),
            words(&["a\r\nb"]),
        ];
        for piece in 1..=bytes.len() {
            assert_eq!(requests(bytes, piece).expect("no error"), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_however_it_comes() {
        let long_line = "x".repeat(MOST_LINE_BYTES + 1);
        for (bytes, expected) in [
            ("*x\r\n", "invalid multibulk length"),
            ("*99999999999999999999\r\n", "invalid multibulk length"),
            ("*1000000000\r\n", "too many arguments"),
            ("*1\r\nGET\r\n", "expected '$'"),
            ("*1\r\n$-1\r\n", "invalid bulk length"),
            ("*1\r\n$ 1\r\n", "invalid bulk length"),
            ("*1\r\n$+1\r\n", "invalid bulk length"),
            ("*1\r\n$536870912\r\n", "invalid bulk length"),
            ("*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
            ("*1\r\n$1\r\nGET\r\n", "longer than announced"),
            ("GET 'k\r\n", "unbalanced quotes"),
            ("GET 'k'k\r\n", "unbalanced quotes"),
            (&long_line, "a line is too long"),
        ] {
            for piece in [1, 2, 3, 7, 5000] {
                let error = requests(bytes.as_bytes(), piece).expect_err(bytes);
                assert!(error.to_string().contains(expected), "{bytes:.40}: {error}");
            }
        }
    }

    #[test]
    fn announcements_alone_take_no_memory() {
        let mut requests = Requests::default();
        requests.feed(format!("*{MOST_ARGUMENTS}\r\n${MOST_ARGUMENT_BYTES}\r\n").as_bytes());
        assert_eq!(requests.next(), Ok(None));
        assert!(requests.buffer.capacity() < 1000);
        assert!(requests.partial.expect("it has begun").arguments.capacity() <= FIRST_ARGUMENTS);
    }

    #[test]
    fn arguments_of_a_request_are_bounded_together() {
        let argument = format!("${MOST_ARGUMENT_BYTES}\r\n{}\r\n", "x".repeat(MOST_ARGUMENT_BYTES));
        let fits = format!("*2\r\n{argument}{argument}");
        assert_eq!(requests(fits.as_bytes(), 100_000).expect("no error").len(), 1);
        let too_long = format!("*3\r\n{argument}{argument}$1\r\nx\r\n");
        let error = requests(too_long.as_bytes(), 100_000).expect_err("too long");
        assert!(error.to_string().contains("the request is too long"), "{error}");
    }

    /// A generator of bytes, always the same.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn any_bytes_give_the_same_requests_or_the_same_error_however_they_come() {
        const ALPHABET: &[u8] = b"*$\r\n\r\n0123-+ \"'\\GETk\x00\xff";
        let mut state = 7;
        for _ in 0..20_000 {
            let length = next(&mut state) as usize % 40;
            let bytes: Vec<u8> =
                (0..length).map(|_| ALPHABET[next(&mut state) as usize % ALPHABET.len()]).collect();
            let piece = 1 + next(&mut state) as usize % 10;
            let whole = requests(&bytes, bytes.len().max(1));
            assert_eq!(whole, requests(&bytes, piece), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn numbers_are_those_of_redis() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-7", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("1 ", None),
            ("one", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn an_error_is_one_line() {
        let mut replies = Vec::new();
        replies.error("ERR unknown command 'a\r\n+OK'");
        assert_eq!(replies, b"-ERR unknown command 'a  +OK'\r\n");
    }
}
