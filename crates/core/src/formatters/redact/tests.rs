#![allow(clippy::unwrap_used)]
use super::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[test]
fn values_after_secret_names_are_hidden() {
    let cases = [
        ("password=hunter2", "password=***"),
        ("password = hunter2, user=bob", "password = ***, user=bob"),
        ("User password: hunter2", "User password: ***"),
        (r#"{"password": "hun\"ter 2", "a": 1}"#, r#"{"password": "***", "a": 1}"#),
        ("{'db_password': 'it\\'s', 'n': 3}", "{'db_password': '***', 'n': 3}"),
        (r#"body={\"password\":\"x y\",\"a\":1}"#, r#"body={\"password\":\"***\",\"a\":1}"#),
        ("'token'='x'", "'token'='***'"),
        ("os.environ['PGPASSWORD'] = 'x'", "os.environ['PGPASSWORD'] = '***'"),
        ("{b'x-api-key': b'abc'}", "{b'x-api-key': b'***'}"),
        ("accessToken: abc; next", "accessToken: ***; next"),
        ("X-Auth-Token: abc", "X-Auth-Token: ***"),
        ("X-Api-Key: abc def", "X-Api-Key: *** def"),
        ("API key: abc", "API key: ***"),
        ("the card number = 12", "the card number = ***"),
        ("api-key=abc&x=1", "api-key=***&x=1"),
        ("GET /x?a=2&token=abc&x=1 200", "GET /x?a=2&token=***&x=1 200"),
        ("(password=abc)", "(password=***)"),
        ("--password=abc -v", "--password=*** -v"),
        ("login(password=f(x)) ok", "login(password=***) ok"),
        ("password := abc", "password := ***"),
        (":password => 'abc'", ":password => '***'"),
        ("def f(password: str = 'x y', n=1)", "def f(password: str = '***', n=1)"),
        ("credentials: {'user': 'a}', 'x': [1, 2]} sent", "credentials: *** sent"),
        ("token: Token { kind: a, key: \"b\" } sent", "token: *** sent"),
        ("secrets=[1, 2", "secrets=***"),
        ("password='never closed\nnext", "password='***\nnext"),
        ("AccountKey=abc==;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
        ("password2=x PASSWORD=y", "password2=*** PASSWORD=***"),
        ("Authorization: Bearer xyz", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcg==", "authorization: basic ***"),
        ("{'Authorization': 'Bearer xyz', 'a': 1}", "{'Authorization': 'Bearer ***', 'a': 1}"),
        (
            "Proxy-Authorization: Digest username=\"a\", response=\"b\"\nHost: x",
            "Proxy-Authorization: Digest ***\nHost: x",
        ),
        ("Cookie: a=b; c=d\r\nHost: x", "Cookie: ***\r\nHost: x"),
        ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: ***"),
        ("auth=a1b2c3d4", "auth=***"),
        ("?sig=abcdefghijklmnop%3D", "?sig=***"),
    ];
    assert_cases(&Redactor::default(), &cases);
}

#[test]
fn passwords_in_urls_are_hidden() {
    let cases = [
        ("postgres://user:pw@host:5432/db", "postgres://user:***@host:5432/db"),
        ("redis://:p@w@host/0 down", "redis://:***@host/0 down"),
        ("https://h/?next=http://u:p@h2/", "https://h/?next=http://u:***@h2/"),
    ];
    assert_cases(&Redactor::default(), &cases);
}

#[test]
fn known_shapes_are_hidden() {
    let long = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    let hidden = [
        JWT.to_owned(),
        "AKIAIOSFODNN7EXAMPLE".into(),
        "ASIAIOSFODNN7EXAMPLE".into(),
        format!("ghp_{long}"),
        format!("ghs_{long}"),
        format!("github_pat_{long}_x"),
        "xoxb-123456789012-abcdefABCDEF".into(),
        format!("AIza{}", &long[..35]),
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc".into(),
        "sk-abcdefghijklmnopqrstuvwx".into(),
        "sk-proj-a1b2-c3d4-e5f6-g7h8-i9".into(),
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----".into(),
        "4111 1111 1111 1111".into(),
        "4111-1111-1111-1111".into(),
        "5555555555554444".into(),
        "3782 822463 10005".into(),
        "378282246310005".into(),
        "6011111111111117".into(),
    ];
    let redactor = Redactor::default();
    for secret in hidden {
        assert_eq!(redactor.redact_text(&secret), "***", "{secret}");
        assert_eq!(redactor.redact_text(&format!("at 12 <{secret}> é")), "at 12 <***> é", "{secret}");
    }
    let cases = [
        ("sent Bearer abc123def456.", "sent Bearer ***"),
        ("x -----BEGIN PRIVATE KEY-----\nMIIE", "x ***"),
        ("2026-11-20 10:11:12 4111111111111111 paid", "2026-11-20 10:11:12 *** paid"),
    ];
    assert_cases(&redactor, &cases);
}

#[test]
fn harmless_text_is_left_alone_and_not_copied() {
    let texts = [
        "",
        "Failed password for root from 10.0.0.1 port 22 ssh2",
        "password for user bob: accepted",
        "token expired; auth: ok, auth=SIMPLE",
        "session_id=abc session: 12 sessionid: 0x14ede63a5a70004",
        "max_tokens=512 tokens: 7 token_count=3 token_type=bearer",
        "jwt.exceptions.InvalidTokenError: Not enough segments",
        "open /etc/passwd: no such file",
        "File \"token.py:12\", auth::token::Parser",
        "password=None secret=null token='' api_key=True",
        "password=***",
        "monkey=1 keyword: x broken=2 passed=3 tokenizer=bert secretary: bob",
        "if token != other",
        "def login(self, password: str):",
        "Priority: 20, Token: Token { kind: ContainerToken, service: 172.22.149.145:28345 }, ]",
        "https://host:8080/a@b user@host",
        "Bearer authentication is required",
        "disk-usage-of-the-whole-cluster sk-learn-contrib-extra-pkg",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "eyJ is how they start",
        "1763633472123456789 ns, 1763633472123 ms, id 4111111111111112",
        "blk_4111111111111111 -4111111111111111 0.4111111111111111 4111111111111111.5",
        "550e8400-e29b-41d4-a716-446655440000",
        "a@b.example",
    ];
    let redactor = Redactor::default();
    for text in texts {
        assert!(
            matches!(redactor.redact_text(text), Cow::Borrowed(t) if t == text),
            "{text}: {}",
            redactor.redact_text(text)
        );
    }
}

fn assert_cases(redactor: &Redactor, cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(redactor.redact_text(text), *want, "{text}");
        assert_eq!(redactor.redact_text(want), *want, "what is redacted stays as it is");
    }
}

#[test]
fn names_are_secret_by_whole_parts() {
    let redactor = Redactor::default();
    let secret = [
        "password",
        "dbPassword",
        "DB_PASSWORD",
        "X-Auth-Token",
        "api_key",
        "apiKey",
        "APIKey",
        "client_secret",
        "auth",
        "set-cookie",
        "aws.secret_access_key",
        "card number",
        "cvv2",
        "clientsecret",
    ];
    for key in secret {
        assert!(redactor.secret_key(key), "{key}");
    }
    let safe = [
        "session_id",
        "token_count",
        "max_tokens",
        "user",
        "key",
        "author",
        "password_length",
        "monkey",
        "",
        "tokenizer",
    ];
    for key in safe {
        assert!(!redactor.secret_key(key), "{key}");
    }
}

#[test]
fn options_widen_narrow_and_switch_off() {
    let strings = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    let options = Options {
        words: strings(&["pin", "taxId", "x"]),
        safe_keys: strings(&["reset-token"]),
        emails: true,
        patterns: strings(&[r"EMP-\d+"]),
        mask: "[hidden]".into(),
        ..Options::default()
    };
    let redactor = Redactor::new(options).unwrap();
    let cases = [
        ("pin=1 tax_id=2 x=3 reset_token=4", "pin=[hidden] tax_id=[hidden] x=[hidden] reset_token=4"),
        ("mail to a.b@c.example.", "mail to [hidden]."),
        ("EMP-123 came", "[hidden] came"),
    ];
    assert_cases(&redactor, &cases);
    assert!(redactor.plan("%s").render, "an own pattern may match across arguments");

    let overlapping = Options { patterns: strings(&["abc", "cde"]), ..Options::default() };
    assert_eq!(Redactor::new(overlapping).unwrap().redact_text("abcdef abc"), "***f ***");

    let off = Redactor::new(Options { enabled: false, ..Options::default() }).unwrap();
    assert_eq!(off.redact_text("password=x"), "password=x");
    assert!(!off.secret_key("password"));
    assert_eq!(off.plan("password=%s").secret, 0);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = [
        (Options { patterns: vec!["(".into()], ..Options::default() }, "redact.patterns"),
        (Options { words: vec!["--".into()], ..Options::default() }, "redact.words"),
        (Options { mask: "a b".into(), ..Options::default() }, "redact.mask"),
    ];
    for (options, field) in refused {
        assert!(Redactor::new(options).unwrap_err().to_string().starts_with(field));
    }
}

#[test]
fn arguments_after_a_secret_word_are_secret() {
    let redactor = Redactor::default();
    let cases = [
        ("password=%s", 0b1),
        ("user %s token: %s", 0b10),
        ("User password: %s", 0b1),
        ("user %s with password %s from %s", 0b10),
        ("Authorization: Bearer %s", 0b1),
        ("Authorization: %s %s", 0b11),
        ("the token is '%s'", 0b1),
        ("{'api_key': '%s', 'n': %d}", 0b1),
        ("password for %s", 0),
        ("token %d of %d", 0),
        ("User authentication attempt for user_id: %s", 0),
        ("session_id=%s", 0),
        ("%s: %s", 0),
    ];
    for (template, want) in cases {
        assert_eq!(redactor.plan(template).secret, want, "{template}");
        assert!(!redactor.plan(template).render, "{template}");
    }
    for template in ["password=%d", "token=ab%s", "Bearer", "%s%s", "http://%s/", "%s_key=%s", "%.5s", "%(a)s"] {
        assert!(redactor.plan(template).render, "{template}");
    }
}

#[test]
fn arguments_that_may_bring_a_secret_are_not_harmless() {
    let redactor = Redactor::default();
    let plan = redactor.plan("%s done");
    for text in [
        "alice",
        "10.0.0.1:80",
        "a=b",
        "http://h/x",
        "2026-11-20T10:11:12.123456",
        "",
        "550e8400-e29b-41d4-a716-446655440000",
    ] {
        assert!(redactor.argument_is_harmless(&plan, 0, text), "{text}");
    }
    for text in ["password=x", JWT, "4111111111111111", "http://u:p@h/", "=x", "key: x", "http://h", "password:"] {
        assert!(!redactor.argument_is_harmless(&plan, 0, text), "{text}");
    }
    let named = redactor.plan("%s: %s");
    assert!(redactor.argument_is_harmless(&named, 0, "users"));
    assert!(!redactor.argument_is_harmless(&named, 0, "db_password"));
    assert!(redactor.argument_is_harmless(&named, 1, "db_password"));
    assert!(!redactor.int_is_harmless(&plan, 4_111_111_111_111_111));
    assert!(redactor.int_is_harmless(&plan, i64::MIN));
}

/// Quadratic work on any of these would take minutes.
#[test]
fn hostile_texts_are_scanned_in_linear_time() {
    let redactor = Redactor::new(Options { emails: true, ..Options::default() }).unwrap();
    let units = [
        "token:{",
        "token:\"",
        "token=\\'",
        "token=\\\\\\'",
        "eyJ",
        "eyJ.",
        "-eyJ",
        " eyJabcdef.eyJ",
        "://a",
        "a:",
        "4111 1111 ",
        "-----BEGIN PRIVATE KEY",
        "-----BEGIN PRIVATE KEY-----",
        "token=(",
        "sk-",
        "a@",
        " = ",
        "api key ",
        "Bearer 1",
        "4111-",
        "\\",
    ];
    for unit in units {
        let text = unit.repeat(400_000 / unit.len());
        let _ = redactor.redact_text(&text);
    }
}

#[test]
fn nested_values_stay_json() {
    let redactor = Redactor::default();
    let cases = [
        (r#"{"password": "x", "n": 1}"#, r#"{"password": "***", "n": 1}"#),
        (r#"{"a":[{"api_key":{"b":"]"}},2],"token":12}"#, r#"{"a":[{"api_key":"***"},2],"token":"***"}"#),
        (r#"["x\nsk-abcdefghijklmnopqrstuvwx", "\"password=b1\""]"#, r#"["x\n***", "\"password=***\""]"#),
        (r#"{"n": 4111111111111111}"#, r#"{"n": "***"}"#),
    ];
    for (json, want) in cases {
        assert_eq!(redactor.redact_json(json), want);
        assert_eq!(redactor.redact_json(want), want);
    }
    for json in [r#"{"a": ["b\n", {"token": null, "session_id": "x"}], "auth": true}"#, "[]", "1", ""] {
        assert!(matches!(redactor.redact_json(json), Cow::Borrowed(_)), "{json}");
    }
}
