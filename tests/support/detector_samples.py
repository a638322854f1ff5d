"""Texts for detectors: what is private, what leads elsewhere, and what only looks so."""

from __future__ import annotations

_KEY_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 12

PRIVATE: tuple[str, ...] = (
    *("user@example.com", "first.last+tag@mail.example.co.uk", "me@163.com", "anna@m\u00fcller.de"),
    *(
        "m\u00fcller@example.de",
        "mu\u0308ller@example.de",
        "\u0430\u043d\u043d\u0430@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
        "o'brien@example.com",
    ),
    *(
        "4111 1111 1111 1111",
        "4111111111111111",
        "6759649826438453",
        "501852650552",
        "3502 7966 5854 3863",
        "5555-5555-5555-4444",
        "378282246310005",
        "3782 822463 10005",
    ),
    *("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "NO9386011117947", "FR1420041010050500013M02606"),
    *("536-90-4399", "11010519491231002X", "123.456.789-09", "RSSMRA85T10A562S", "131052-308T", "12345678Z"),
    *("1 85 05 78 006 084 91", "44051401359", "811218-9876", "756.9217.0769.85", "AB 12 34 56 C", "X1234567L"),
    *("+49 30 901820", "+1 415 555 2671", "+44 (0)20 7946 0958", "+8613812345678", "0033 1 42 68 53 00"),
    *("(415) 555-2671", "415-555-2671", "13812345678", "01 42 68 53 00", "020 7946 0958", "03-1234-5678"),
    *("AKIAIOSFODNN7EXAMPLE", "ghp_" + "aB3dE6gH9jK2" * 3, "glpat-ab12cd34ef56gh78ij90", "xoxb-1234567890-abcdef"),
    *("sk-proj-abcdEFGH12345678", "sk-ant-api03-abcdEFGH12345678", "AIza" + "SyD4x" * 7),
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    f"-----BEGIN PRIVATE KEY-----\n{_KEY_BODY}-----END PRIVATE KEY-----",
)

HARMLESS: tuple[str, ...] = (
    *("python@3.11 and lib@1.2.3", "@somebody", "4111 1111 1111 1112", "order 4111111111111112", "1700000000000"),
    *("550e8400-e29b-41d4-a716-446655440000", "d3b07384d113edec49eaa6238ad5ff00", "v1.2.3.4"),
    "2024-01-02 10:11:12",
    *("DE89370400440532013001", "666-12-3456", "000-12-3456", "11010519491231002Y", "+99 123", "1,234,567.89"),
    *("http://example.com:8080/path", "sk-learn and sk-no-key-required", "token: abcdefghijklmnopqrst"),
    *("password: please choose one", "ISBN 978-3-16-148410-0", "base64 c29tZSB0ZXh0IHRoYXQgaXMgbG9uZw=="),
    *("eyJub3RhIjoxfQ", "192.168.0.1"),
)

ELSEWHERE: tuple[str, ...] = (
    *("https://evil.com/path?q=1", "http://example.com.evil.com", "https://example.com@evil.com", "https:evil.com"),
    *("//evil.com/a", "www.evil.com", "https:\\\\evil.com", "https://example.org", "javascript:alert`1`"),
    *("https://example.com:80@evil.com/", "HTTPS://EVIL.COM", "https://ex%61mple.com", "data:text/html,x"),
    *("https://" + "a" * 400, f"https://{'a' * 400}.example.org", "///evil.com/x", "file://evil.com/share"),
    *("smb://evil.com", "http://[2001:db8::1]/x", "xhttps://evil.com", "https://example.com\\@evil.com/"),
    "https://evil.com\u2100.example.org/",
)

ELSEWHERE_BY_SIGNS: tuple[str, ...] = (
    *("https://(a).evil.com/x", "https://{a}.evil.com/", "https://'a'.evil.com", 'https://example.com".evil.com'),
    *("https://example.com'.evil.com/?q=1", "https://example.com`.evil.com", "https://example.com}.evil.com/"),
)
"""Hosts with signs that mostly end an address; browsers look them up. A part of each is found."""

ALLOWED: tuple[str, ...] = (
    *("https://example.com/path", "https://example.com.", "http://a.b.example.org:8080/", "HTTPS://EXAMPLE.COM/"),
    *("a // comment", "10/12", "either/or", "javascript is fine", "data: 5", "file:///srv/ann", "with https:// it"),
    *(
        "'https://example.com'.",
        '("https://example.com/a").',
        "`https://example.com`, or",
        "https://example.com's page",
    ),
    *('"https://example.com".rstrip("/")', "https://example.com\\n", "{https://example.com}", '"https://"), and'),
)
