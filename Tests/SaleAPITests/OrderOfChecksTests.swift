import RedisClient
import TestSupport
import Testing

/// If several things are wrong at once, the contract says which of them is answered.
@Suite struct `Checks of a purchase` {
    @Test func `come in the order path, method, token, key, body, script`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect())
        let client = try api.connect()
        let badToken = ("Authorization", "Bearer nonsense")
        let badKey = ("Idempotency-Key", "not a key")
        let json = ("Content-Type", "application/json")
        let token = api.bearer("b1")
        let key = ("Idempotency-Key", "k1")
        let rows: [(String, String, [(String, String)], String, Int, String)] = [
            ("PUT", "/v1/sales/DEMO/purchases", [badToken, badKey], "x", 404, "not-found"),
            ("PUT", "/v1/sales/nosuch/purchases", [badToken, badKey], "x", 405, "method-not-allowed"),
            ("POST", "/v1/sales/nosuch/purchases", [badToken, badKey], "x", 401, "unauthorized"),
            ("POST", "/v1/sales/nosuch/purchases", [token, badKey], "x", 400, "idempotency-key-invalid"),
            ("POST", "/v1/sales/nosuch/purchases", [token, key], "x", 415, "unsupported-media-type"),
            ("POST", "/v1/sales/nosuch/purchases", [token, key, json], "x", 400, "malformed-body"),
            ("POST", "/v1/sales/nosuch/purchases", [token, key, json], "{}", 404, "not-found"),
            ("POST", "/v1/sales/demo/purchases", [token, key, json], "{}", 201, ""),
        ]
        for (method, target, headers, body, status, problem) in rows {
            let answer = try client.ask(method, target, headers: headers, body: body)
            #expect(answer.status == status, "\(method) \(target) \(body)")
            #expect(answer.problem ?? "" == problem)
            #expect(answer["X-Request-Id"]?.utf8.count == 32)
            if status >= 400 { expectProblem(answer) }
        }
    }

    @Test func `reject a missing or unusable token`() throws {
        let api = try APIUnderTest()
        let sale = try TestSale.create(try api.redis.connect())
        let client = try api.connect()
        let token = api.token("b1")
        let missing: [[(String, String)]] = [
            [], [("Authorization", token)], [("Authorization", "Basic \(token)")], [("Authorization", "Bearer")],
            [("Authorization", "Bearer \(token)"), ("Authorization", "Bearer \(token)")],
        ]
        let unusable: [[(String, String)]] = [
            [("Authorization", "Bearer  \(token)")], [("Authorization", "Bearer \(token)x")],
            [("Authorization", "Bearer \(token), Bearer \(token)")],
        ]
        let rows = missing.map { ($0, "Bearer") } + unusable.map { ($0, #"Bearer error="invalid_token""#) }
        for (headers, challenge) in rows {
            let answer = try client.ask(
                "POST", "/v1/sales/\(sale)/purchases", headers: headers + [("Idempotency-Key", "k1")])
            #expect(answer.status == 401, "\(headers)")
            #expect(answer.problem == "unauthorized")
            #expect(answer["WWW-Authenticate"] == challenge, "\(headers)")
        }
        for target in ["/v1/sales/demo/purchases", "/v1/sales/demo/orders/demo-1"] {
            let answer = try client.ask("GET", target)
            #expect(answer.status == 401)
            #expect(answer["WWW-Authenticate"] == "Bearer")
        }
        #expect(try api.metric("sale_unauthorized_total") == rows.count + 2)
        // The scheme's name is case-insensitive.
        let answer = try client.ask(
            "POST", "/v1/sales/demo/purchases",
            headers: [("Authorization", "bEaReR \(token)"), ("Idempotency-Key", "k1")])
        #expect(answer.status == 201)
    }

    @Test func `reject a key that is not one bare token`() throws {
        let api = try APIUnderTest()
        let sale = try TestSale.create(try api.redis.connect())
        let client = try api.connect()
        let keys: [[String]] = [
            [], [""], ["\"quoted\""], ["a", "a"], ["a b"], ["a,b"], ["ä"], [String(repeating: "k", count: 65)],
        ]
        for fields in keys {
            let answer = try client.ask(
                "POST", "/v1/sales/\(sale)/purchases",
                headers: [api.bearer("b1")] + fields.map { ("Idempotency-Key", $0) })
            #expect(answer.status == 400, "\(fields)")
            #expect(answer.problem == "idempotency-key-invalid")
        }
    }

    @Test func `find a body that is not what it must be`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect(), stock: 1000, maxPerBuyer: 99)
        let client = try api.connect()
        func ask(_ body: String, _ type: String?, key: String = "k") throws -> HTTPAnswer {
            try client.ask(
                "POST", "/v1/sales/demo/purchases",
                headers: [api.bearer("b-\(key)"), ("Idempotency-Key", key)]
                    + (type.map { [("Content-Type", $0)] } ?? []),
                body: body)
        }
        let malformed = [
            "[]", "1", "null", "{", #"{"quantity":0}"#, #"{"quantity":100}"#, #"{"quantity":-1}"#, #"{"quantity":1.0}"#,
            #"{"quantity":1e0}"#, #"{"quantity":01}"#, #"{"quantity":"1"}"#, #"{"quantity":null}"#,
            #"{"quantity":true}"#,
            #"{"quantity":1,"quantity":1}"#, #"{"quantity":1,"more":1}"#, #"{"more":1}"#, #"{"Quantity":1}"#, "{} {}",
            " ",
            #"{"quantity":99999999999999999999}"#, #"{"quantity":[1]}"#,
        ]
        for body in malformed {
            let answer = try ask(body, "application/json")
            #expect(answer.status == 400, "\(body)")
            #expect(answer.problem == "malformed-body")
        }
        for type in [nil, "text/plain", "application/jsonx", "application/json-patch+json", "text/json", ""] {
            let answer = try ask("{}", type)
            #expect(answer.status == 415, "\(type ?? "none")")
            #expect(answer.problem == "unsupported-media-type")
        }
        let encoded = try client.ask(
            "POST", "/v1/sales/demo/purchases",
            headers: [
                api.bearer("b"), ("Idempotency-Key", "k"), ("Content-Type", "application/json"),
                ("Content-Encoding", "gzip"),
            ],
            body: "{}")
        #expect(encoded.status == 415)
        let good = [
            ("{}", 1), (" {} ", 1), (#"{"quantity":1}"#, 1), (#"{ "quantity" : 99 }"#, 99),
            ("{\n\t\"quantity\":7\r\n}", 7),
        ]
        for (index, (body, quantity)) in good.enumerated() {
            let answer = try ask(body, "Application/JSON\t ; charset=utf-8", key: "k\(index)")
            #expect(answer.status == 201, "\(body)")
            #expect(answer.json["quantity"] as? Int == quantity)
        }
        let answer = try client.ask(
            "POST", "/v1/sales/demo/purchases", headers: [api.bearer("x"), ("Idempotency-Key", "k")],
            body: String(repeating: " ", count: 1025))
        #expect(answer.status == 413)
        #expect(answer.problem == "content-too-large")
    }

    @Test(arguments: [
        ("/", 404, ""), ("/v1", 404, ""), ("/v1/sales/", 404, ""), ("/v1/sales/demo/", 404, ""),
        ("/v1/sales/demo/purchases/", 404, ""), ("/v1/sales/demo/orders", 404, ""), ("/v1/sales/demo/orders/", 404, ""),
        ("/v1/sales/demo/orders/demo-0", 404, ""), ("/v1/sales/demo/orders/other-1", 404, ""), ("/LIVEZ", 404, ""),
        ("/v1/sales", 405, "GET, HEAD, OPTIONS"), ("/v1/sales/demo", 405, "GET, HEAD, OPTIONS"),
        ("/livez", 405, "GET, HEAD, OPTIONS"),
        ("/v1/sales/demo/purchases", 405, "GET, HEAD, OPTIONS, POST"),
        ("/v1/sales/demo/orders/demo-1", 405, "GET, HEAD, OPTIONS"),
        ("/readyz", 405, "GET, HEAD, OPTIONS"), ("/metrics", 405, "GET, HEAD, OPTIONS"),
        ("/v1/sales?x=1", 405, "GET, HEAD, OPTIONS"),
        ("/.well-known/jwks.json", 405, "GET, HEAD, OPTIONS"), ("/.well-known/jwks", 404, ""),
    ])
    func `distinguish unknown paths from unknown methods`(_ target: String, _ status: Int, _ allow: String) throws {
        // DELETE is an HTTP method that none of our paths allows.
        let api = try APIUnderTest()
        let answer = try api.ask("DELETE", target)
        #expect(answer.status == status)
        #expect(answer["Allow"] ?? "" == allow)
        expectProblem(answer)
    }

    @Test(arguments: [
        ("*", 200, "GET, HEAD, OPTIONS, POST"), ("/v1/sales", 200, "GET, HEAD, OPTIONS"),
        ("/v1/sales/demo/purchases", 200, "GET, HEAD, OPTIONS, POST"), ("/nowhere", 404, ""),
        ("http://sale.example", 200, "GET, HEAD, OPTIONS, POST"), ("http://sale.example?x", 404, ""),
        ("http://sale.example/v1/sales", 200, "GET, HEAD, OPTIONS"), ("http://sale.example/", 404, ""),
    ])
    func `list the allowed methods for OPTIONS`(_ target: String, _ status: Int, _ allow: String) throws {
        let api = try APIUnderTest()
        let answer = try api.ask("OPTIONS", target)
        #expect(answer.status == status)
        #expect(answer["Allow"] ?? "" == allow)
        if status == 200 { #expect(answer["Content-Length"] == "0") }
    }
}

/// Expects a complete problem document that agrees with the status line and names the request.
func expectProblem(_ answer: HTTPAnswer, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(answer["Content-Type"] == "application/problem+json", sourceLocation: sourceLocation)
    #expect(answer.json["status"] as? Int == answer.status, sourceLocation: sourceLocation)
    for member in ["type", "title", "detail"] {
        #expect((answer.json[member] as? String)?.isEmpty == false, "\(member)", sourceLocation: sourceLocation)
    }
    let request = answer["X-Request-Id"] ?? ""
    #expect(answer.json["instance"] as? String == "urn:trace:\(request)", sourceLocation: sourceLocation)
    if let retry = answer["Retry-After"] {
        #expect(Int(retry).map { $0 >= 1 } == true, "Retry-After: \(retry)", sourceLocation: sourceLocation)
    }
}
