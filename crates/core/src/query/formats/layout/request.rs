//! The request line of access logs: `GET /items?page=2 HTTP/1.1`.
use std::borrow::Cow;

/// Method, path and query, each where there is one.
pub(super) fn fields<'a>(line: &'a [u8], take: &mut dyn FnMut(&str, Cow<'a, [u8]>)) {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    // What is no request (a scanner's bytes, `-`) has no method.
    if !method.iter().all(u8::is_ascii_uppercase) {
        return;
    }
    take("method", Cow::Borrowed(method));
    let (path, query) = match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    take("path", Cow::Borrowed(path));
    if !query.is_empty() {
        take("query", Cow::Borrowed(query));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_method_a_path_and_perhaps_a_query() {
        let told = |line: &'static str| {
            let mut found = Vec::new();
            fields(line.as_bytes(), &mut |name, value| {
                found.push(format!("{name}={}", String::from_utf8_lossy(&value)));
            });
            found
        };
        assert_eq!(told("GET /items?page=2 HTTP/1.1"), ["method=GET", "path=/items", "query=page=2"]);
        assert_eq!(told("OPTIONS * HTTP/1.0"), ["method=OPTIONS", "path=*"]);
        assert_eq!(told("-"), [""; 0]);
        assert_eq!(told("\\x16\\x03\\x01 x"), [""; 0]);
    }
}
