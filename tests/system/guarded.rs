//! What comes with every answer, so that a browser or a cache does no harm with it.

use crate::system::System;
use reqwest::Method;

const HEADERS: [(&str, &str); 3] =
    [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")];

#[tokio::test]
async fn every_answer_says_not_to_keep_guess_or_frame_it() {
    let system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let address = system.processes[0].address;
    for (path, status) in [
        (format!("/v1/tenants/{tenant}/risks"), 200),
        (format!("/v1/tenants/{tenant}/soa.csv"), 200),
        (format!("/v1/tenants/{tenant}/risks/R-404"), 404),
        (format!("/v1/tenants/{tenant}/risks?colour=red"), 400),
        ("/nowhere".to_owned(), 404),
        ("/docs/".to_owned(), 200),
        ("/openapi.json".to_owned(), 200),
        ("/livez".to_owned(), 200),
        ("/metrics".to_owned(), 200),
    ] {
        let request = reqwest::Client::new().get(format!("http://{address}{path}")).bearer_auth(&system.token);
        let answer = request.header("origin", "https://elsewhere.example.org").send().await.expect("answered");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let told = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        for (name, value) in HEADERS {
            assert_eq!(told(name), value, "{path}: {name}");
        }
        assert!(told("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!told("content-type").is_empty(), "{path}");
        // Nobody's page elsewhere may read it, and nobody is given a cookie.
        for name in ["access-control-allow-origin", "set-cookie", "server"] {
            assert_eq!(told(name), "", "{path}: {name}");
        }
    }
    // A method that nobody needs is offered nowhere.
    let trace = Method::from_bytes(b"TRACE").expect("a method");
    let path = format!("/v1/tenants/{tenant}/risks");
    let answer = system.as_admin().send(trace, &path, None, &[]).await;
    assert_eq!(answer.status, 405, "{}", answer.body);
    assert!(answer.headers.contains_key("allow"));
}
