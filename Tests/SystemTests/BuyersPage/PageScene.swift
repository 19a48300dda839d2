import Foundation
import TestSupport

/// A sale system, with its page open in a browser.
final class PageScene {
    let system: SaleSystem
    let ingress: Ingress
    let browser: Browser
    let origin: String

    init(receipts: Bool = false) throws {
        system = try SaleSystem(apis: 0)
        try system.startAPI(0, variables: receipts ? ["SALE_RECEIPT_KEY_FILE": Self.makeKeys(in: system)] : [:])
        try system.startWorker()
        origin = "127.0.0.1:\(RedisServer.freePort())"
        ingress = try system.ingress([
            "sale-listen.conf": "listen \(origin);", "sale-web.conf": Browser.pageRoot,
        ])
        try ingress.start()
        browser = try Browser()
    }

    private static func makeKeys(in system: SaleSystem) throws -> String {
        _ = try system.salectl(["keys", "init", system.directory.path("keys")])
        return system.directory.path("keys/receipt.pem")
    }

    /// Opens the page as the shop's link does, for the buyer `me1`.
    func open() throws { try open(token: system.tokens("me", 1)[0]) }

    func open(token: String?) throws {
        try browser.open("http://\(origin)/?sale=demo" + (token.map { "#token=\($0)" } ?? ""))
    }

    /// Buys without the page, for the buyer `NAME1`, and returns the status.
    func buy(as name: String) throws -> Int { try post("purchases", as: name).status }

    /// Joins the queue without the page, and returns the place.
    func join(as name: String) throws -> String { try post("queue", as: name).body }

    private func post(_ path: String, as name: String) throws -> HTTPAnswer {
        let token = try system.tokens(name, 1)[0]
        return try UnixHTTPClient(system.directory.path("api-0.sock"))
            .ask("POST", "/v1/sales/demo/\(path)", headers: Ingress.press(token, "k"), body: "")
    }

    private static let shown = "document.querySelector('[data-view]:not([hidden])').dataset.view"

    func shows(_ view: String) throws -> Bool { try eventually { try browser.value(Self.shown) == view } }

    /// The same, but does not wait until the page looks by itself. It does so, too, when the phone is unlocked.
    func showsAfterALook(_ view: String) throws -> Bool {
        try eventually {
            try look()
            usleep(200_000)
            return try browser.value(Self.shown) == view
        }
    }

    /// Lets the page look as if the phone had been unlocked, unless it has looked within the last second.
    func look() throws { _ = try browser.value("document.dispatchEvent(new Event('visibilitychange'))") }

    /// In the view, or below it.
    func isVisible(_ selector: String) throws -> Bool {
        let found = "document.querySelector('section:not([hidden]) \(selector), main > \(selector)')"
        return try browser.value("\(found)?.checkVisibility()") == "true"
    }

    /// What is read aloud.
    func news() throws -> String { try browser.value("document.querySelector('[data-field=news]').textContent") }

    /// What has the focus: its field, or the name of its element.
    func focus() throws -> String {
        try browser.value("document.activeElement.dataset.field ?? document.activeElement.localName")
    }

    /// How often the page has looked at the sale.
    func looks() throws -> Int {
        let url = "http://\(origin)/v1/sales/demo"
        return Int(try browser.value("performance.getEntriesByName('\(url)').length")) ?? 0
    }

    /// What a field of the view says; "" if the view has no such field.
    func text(_ field: String) throws -> String {
        let found = "document.querySelector('section:not([hidden]) [data-field=\(field)]')"
        return try browser.value("\(found)?.textContent ?? ''")
    }

    func press(_ action: String) throws {
        let form = "form[data-action=\(action)]"
        try browser.press("section:not([hidden]) \(form) button, main > \(form) button")
    }

    /// Answers purchases on the page itself, one after the other, as the API could: with a status and a problem.
    func answer(_ answers: (status: Int, problem: String)..., retryAfter: Int = 1) throws {
        let list = answers.map { "[\($0.status), '\($0.problem)']" }.joined(separator: ", ")
        _ = try browser.value(
            """
            (() => {
                const answers = [\(list)], fetch = window.fetch;
                window.fetch = (path, options) => {
                    if (options?.method !== 'POST' || answers.length === 0) return fetch(path, options);
                    const [status, problem] = answers.shift();
                    const headers = { 'Content-Type': 'application/problem+json', 'Retry-After': \(retryAfter) };
                    const body = JSON.stringify({ type: `/problems/${problem}` });
                    return Promise.resolve(new Response(body, { status, headers }));
                };
            })()
            """)
    }

    /// What the page says in this view.
    func words() throws -> String {
        try browser.value("document.querySelector('section:not([hidden])').innerText")
    }

    /// Leaves what a page keeps that was closed an hour ago, while it asked for a unit with the key `k`.
    func keepOldAttempt() throws {
        try browser.open("http://\(origin)/")
        _ = try browser.value(
            """
            localStorage['sale/demo/me1'] =
                JSON.stringify({ attempt: { key: 'k', quantity: 1, at: Date.now() - 3_600_000 } })
            """)
        try countRequests()
    }

    /// Counts, on every page that is opened from now on, what it asks for.
    func countRequests() throws {
        try browser.runFirst(
            """
            (() => {
                const fetch = window.fetch;
                window.requests = [];
                window.fetch = (path, options) => {
                    window.requests.push(`${options?.method ?? 'GET'} ${path}`);
                    return fetch(path, options);
                };
            })()
            """)
    }

    /// How often the page has asked for this, since `countRequests()`.
    func requests(_ method: String, _ path: String) throws -> Int {
        Int(
            try browser.value(
                "window.requests.filter((request) => request === '\(method) /v1/sales/demo\(path)').length")) ?? 0
    }

    /// Answers every look at the page's own place with a problem, as a process could.
    func answerLooksAtPlace(_ status: Int, _ problem: String) throws {
        _ = try browser.value(
            """
            (() => {
                const fetch = window.fetch;
                window.fetch = async (path, options) => {
                    const answer = await fetch(path, options);
                    if (options?.method !== 'GET' || !options.headers['Sale-Ticket']) return answer;
                    const headers = { 'Content-Type': 'application/problem+json' };
                    const body = JSON.stringify({ type: '/problems/\(problem)' });
                    return new Response(body, { status: \(status), headers });
                };
            })()
            """)
    }

    /// Waits for as long as the page needs for a few requests.
    func pass() throws {
        _ = try browser.value(
            "(async () => { for (let n = 0; n < 20; n++) await fetch('/v1/sales', { cache: 'no-store' }); })()")
    }

    func forged(_ token: String) -> String { String(token.dropLast(4)) + "AAAA" }

    /// What the page takes for a token of the buyer that ended long ago.
    func ended(_ name: String) -> String {
        "e30.\(Data("{\"sub\":\"\(name)1\",\"exp\":1}".utf8).base64EncodedString()).AAAA"
    }

    func salectl(_ arguments: String...) throws {
        let result = try system.salectl(arguments)
        guard result.code == 0 else { throw Browser.Failure(description: result.errors) }
    }
}
