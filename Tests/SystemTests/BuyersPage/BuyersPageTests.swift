import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// The delivered page in a real browser, through the delivered nginx. One browser at a time: each takes a core.
@Suite(.serialized) struct `The buyers' page` {
    /// A sale system, with its page open in a browser.
    private final class Scene {
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

        func salectl(_ arguments: String...) throws {
            let result = try system.salectl(arguments)
            guard result.code == 0 else { throw Browser.Failure(description: result.errors) }
        }
    }

    @Test func `counts down to the opening, sells then, and shows the receipt`() throws {
        let scene = try Scene(receipts: true)
        try scene.salectl("create", "demo", "--title", "A <b>lamp</b>", "--stock", "3", "--opens-at", "+90m")
        try scene.open()
        #expect(try scene.shows("scheduled"))
        #expect(try scene.text("countdown").hasPrefix("1:"))
        #expect(try scene.browser.value("document.querySelector('h1').textContent") == "A <b>lamp</b>")
        #expect(try scene.news() == "The sale has not opened yet")
        #expect(try scene.isVisible("[data-with=logged-in]"))
        #expect(try scene.isVisible("[data-with=login-ends]"), "the login ends after an hour")
        try scene.salectl("set", "demo", "--opens-at", "+3s")
        #expect(try scene.showsAfterALook("buy"))
        #expect(try scene.news() == "On sale now")
        #expect(try scene.text("seen") != "")
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.news() == "Secured: it is yours")
        #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT buyer, position, quantity FROM orders") == ["me1|1|1"])

        try scene.press("receipt")
        #expect(try eventually { try scene.text("receipt").split(separator: ".").count == 3 })
        #expect(try scene.focus() == "receipt")
        #expect(try scene.isVisible("[data-with=receipt-unseen]") == false)
        #expect(try scene.browser.complaints() == [])

        // The same buyer, with a login that the server does not take.
        try scene.open(token: scene.forged(scene.system.tokens("me", 1)[0]))
        #expect(try eventually { try scene.shows("secured") && !scene.isVisible("[data-with=receipt]") })
        try scene.press("receipt")
        #expect(try eventually { try scene.isVisible("[data-with=receipt-login]") })
        #expect(try scene.news().hasPrefix("The receipt is for you alone."))
    }

    @Test func `keeps the token out of the address`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        #expect(try scene.browser.value("location.href") == "http://\(scene.origin)/?sale=demo")
        try scene.browser.reload()
        #expect(try scene.shows("buy"), "the tab has forgotten who it is")
    }

    @Test func `goes on with the same purchase after a reload, and another tab with it`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3", "--max-per-buyer", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        // The purchase is on its way, and no answer comes.
        scene.system.apis[0].signal(SIGSTOP)
        try scene.press("buy")
        #expect(try scene.shows("asking"))
        try scene.browser.reload()
        let first = try scene.browser.openTab(
            "http://\(scene.origin)/?sale=demo#token=\(scene.system.tokens("me", 1)[0])")
        scene.system.apis[0].signal(SIGCONT)
        #expect(try scene.shows("secured"))
        try scene.browser.show(first)
        #expect(try scene.shows("secured"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT count(*) FROM orders") == ["1"])
    }

    @Test func `tries again by itself while the sale is paused`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        try scene.salectl("pause", "demo")
        try scene.press("buy")
        #expect(try eventually { try scene.isVisible("[data-with=again-paused]") })
        #expect(try scene.news() == "The sale is paused. Your request is sent again when it goes on.")
        #expect(try scene.words().contains("as long as this page is open"))
        try scene.salectl("resume", "demo")
        #expect(try scene.shows("secured"))
    }

    @Test func `says what was sold out, and sells again once units have come back`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "1")
        try scene.open()
        #expect(try scene.shows("buy"))
        #expect(try scene.buy(as: "other") == 201)
        try scene.press("buy")
        #expect(try scene.shows("sold-out"))
        #expect(try scene.news() == "Sold out")
        try scene.salectl("restock", "demo", "2")
        #expect(try eventually { try scene.buy(as: "third") == 201 })
        #expect(try scene.showsAfterALook("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.text("orders").hasPrefix("Order demo-3: number 3, "))
    }

    @Test func `sells several units one after the other, up to the buyer's limit`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "10", "--max-per-buyer", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        _ = try scene.browser.value("document.querySelector('select').value = 2")
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        try scene.press("another")
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try eventually { try scene.text("orders").contains("Order demo-2") })
        #expect(try scene.isVisible("[data-with=another]") == false)
        #expect(try scene.isVisible("[data-with=notice-no-other]") == false)
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT position, quantity FROM orders") == ["1|2", "2|1"])

        try scene.press("receipt")
        #expect(try eventually { try scene.news() == "This sale gives no receipts." })
    }

    @Test func `shows a winner's order again, and says what has become of the wish for another unit`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "3", "--max-per-buyer", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        try scene.press("another")
        #expect(try scene.shows("buy"))
        try scene.press("back")
        #expect(try scene.shows("secured"))
        #expect(try scene.focus() == "h2")
        #expect(try scene.isVisible("[data-with=notice-no-other]") == false, "nothing was asked for")

        try scene.press("another")
        #expect(try scene.shows("buy"))
        #expect(try scene.buy(as: "other") == 201)
        #expect(try scene.buy(as: "third") == 201)
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.isVisible("[data-with=notice-no-other]"))
        #expect(try scene.news() == "You did not get another unit.")
        #expect(try scene.isVisible("[data-with=another]") == false)

        try scene.salectl("restock", "demo", "1")
        #expect(try eventually { try scene.showsAfterALook("secured") && scene.isVisible("[data-with=another]") })
        try scene.press("another")
        #expect(try scene.shows("buy"))
        #expect(try eventually { try scene.buy(as: "fourth") == 201 })
        #expect(try scene.showsAfterALook("secured"))
        #expect(try scene.news() == "Secured: it is yours")
        #expect(try scene.isVisible("[data-with=another]") == false)
    }

    @Test func `says nothing of another unit while it may have been won, or if none was asked for`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "9", "--max-per-buyer", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        try scene.press("another")
        #expect(try scene.shows("buy"))
        try scene.answer((202, "none"), (400, "malformed-body"), (401, "unauthorized"))
        try scene.press("buy")
        #expect(try scene.shows("trouble"))
        #expect(try scene.isVisible("[data-with=trace]") == false, "the answer has no number")
        try scene.press("resume")
        #expect(try scene.shows("login"))
        #expect(try scene.news() == "Please log in")
        try scene.press("back")
        #expect(try scene.shows("secured"))
        #expect(try scene.isVisible("[data-with=notice-no-other]") == false)

        // With the login, it goes on.
        try scene.browser.reload()
        #expect(try eventually { try scene.text("orders").contains("Order demo-2") })

        scene.system.apis[0].signal(SIGSTOP)
        defer { scene.system.apis[0].signal(SIGCONT) }
        // A reload finds no page in nginx' memory then.
        let look = "fetch('/v1/sales/demo').then(({ status }) => status)"
        #expect(try eventually { try scene.browser.value(look) == "503" })
        try scene.browser.reload()
        #expect(try scene.browser.value(look) == "503")
        #expect(try scene.shows("secured"))
        #expect(try scene.news() == "Secured: it is yours")
    }

    @Test func `keeps the quantity that was chosen, as long as so many are left`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "4", "--max-per-buyer", "4")
        try scene.open()
        #expect(try scene.shows("buy"))
        let select = "document.querySelector('select')"
        _ = try scene.browser.value("\(select).value = 3")
        #expect(try scene.buy(as: "other") == 201)
        #expect(
            try eventually { try scene.showsAfterALook("buy") && scene.browser.value("\(select).length") == "3" })
        #expect(try scene.browser.value("\(select).value") == "3")
        #expect(try scene.buy(as: "third") == 201)
        try scene.press("buy")
        #expect(try scene.shows("insufficient"))
        #expect(try scene.text("remaining") == "2")
        try scene.press("dismiss")
        #expect(try scene.shows("buy"))
    }

    @Test func `goes on after a purchase that is answered before the first look at the sale`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "2", "--max-per-buyer", "2")
        #expect(try scene.buy(as: "other") == 201)
        // An attempt for two is under way, and no look is answered until `look()`.
        try scene.browser.runFirst(
            """
            localStorage['sale/demo/me1'] = JSON.stringify({ attempt: { key: 'k', quantity: 2, at: Date.now() } });
            const fetch = window.fetch, mayLook = new Promise((begin) => { window.look = begin; });
            window.fetch = async (path, options) => {
                if (options?.method !== 'POST') await mayLook;
                return fetch(path, options);
            };
            """)
        try scene.open()
        #expect(try scene.shows("insufficient"))
        _ = try scene.browser.value("window.look()")
        #expect(try eventually { try scene.text("stock") == "2" })
        try scene.press("dismiss")
        #expect(try scene.shows("buy"))
    }

    @Test func `can be pressed again after an error of its own`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        _ = try scene.browser.value(
            "Object.defineProperty(document, 'title', { configurable: true, get() { throw new Error('ours'); } })")
        try scene.press("buy")
        _ = try scene.browser.value("delete document.title")
        #expect(try scene.showsAfterALook("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT count(*) FROM orders") == ["1"])
    }

    @Test func `says that the sale does not answer, and looks at once when the network is back`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        let before = try scene.looks()
        #expect(
            try eventually {
                _ = try scene.browser.value("dispatchEvent(new Event('online'))")
                return try scene.looks() > before
            })
        scene.system.apis[0].signal(SIGSTOP)
        #expect(try eventually { try scene.showsAfterALook("buy") && scene.isVisible("[data-with=failing]") })
        #expect(try scene.news().hasPrefix("On sale now There is no answer any more"))
        scene.system.apis[0].signal(SIGCONT)
        #expect(try eventually { try scene.showsAfterALook("buy") && !scene.isVisible("[data-with=failing]") })
        #expect(try scene.news() == "On sale now")
    }

    @Test(arguments: [(202, "none"), (409, "sale-paused"), (429, "rate-limited"), (503, "unavailable")])
    func `waits as long as it was told, also when the network is back`(status: Int, problem: String) throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.countRequests()
        try scene.open()
        #expect(try scene.shows("buy"))
        try scene.answer((status, problem), retryAfter: 30)
        _ = try scene.browser.value("Math.random = () => 0")
        try scene.press("buy")
        #expect(try eventually { try scene.isVisible("[data-with^=again]:not([hidden])") })
        _ = try scene.browser.value("dispatchEvent(new Event('online'))")
        try scene.pass()
        #expect(try scene.requests("POST", "/purchases") == 0, "it has come back sooner")
        #expect(try scene.shows("asking"))
    }

    @Test func `asks again when the network is back, but not all phones at once`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        // There is no network, and the wait of 750 ms never ends by itself.
        _ = try scene.browser.value(
            """
            (() => {
                const fetch = window.fetch, wait = window.setTimeout;
                window.waits = [];
                window.fetch = (path, options) => {
                    if (options?.method !== 'POST') return fetch(path, options);
                    window.fetch = fetch;
                    return Promise.reject(new TypeError());
                };
                window.setTimeout = (what, ms) => {
                    window.waits.push(ms);
                    return ms === 750 ? 0 : wait(what, ms);
                };
                Math.random = () => 0.25;
            })()
            """)
        try scene.press("buy")
        #expect(try eventually { try scene.isVisible("[data-with=again-offline]") })
        _ = try scene.browser.value("dispatchEvent(new Event('online'))")
        #expect(try scene.shows("secured"))
        #expect(try scene.browser.value("[750, 250].every((ms) => window.waits.includes(ms))") == "true")
    }

    /// A sale that the page offers; whoever has bought from it wants another unit.
    private func sale(boughtFrom hasOrder: Bool) throws -> Scene {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "9", "--max-per-buyer", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        if hasOrder {
            try scene.press("buy")
            #expect(try scene.shows("secured"))
            try scene.press("another")
            #expect(try scene.shows("buy"))
            #expect(scene.system.drained(SaleID("demo")!))
        }
        return scene
    }

    /// Archives the sale while the phone sleeps, and lets the page look.
    private func archive(_ scene: Scene, boughtFrom hasOrder: Bool) throws {
        try scene.salectl("close", "demo")
        #expect(try eventually { try scene.system.salectl(["archive", "demo"]).code == 0 })
        #expect(try scene.showsAfterALook(hasOrder ? "secured" : "unknown"))
    }

    @Test(arguments: [false, true])
    func `notices that a sale is gone which it has shown, and keeps an order`(hasOrder: Bool) throws {
        let scene = try sale(boughtFrom: hasOrder)
        try archive(scene, boughtFrom: hasOrder)
        #expect(try scene.isVisible("[data-with=another]") == false)
    }

    @Test(arguments: [false, true])
    func `says of a purchase that may have won that only the shop can tell, once the sale is gone`(
        hasOrder: Bool
    ) throws {
        let scene = try sale(boughtFrom: hasOrder)
        try scene.answer((202, "none"), (400, "malformed-body"))
        try scene.press("buy")
        #expect(try scene.shows("trouble"))
        try archive(scene, boughtFrom: hasOrder)
        #expect(try scene.isVisible("[data-with=untold]"))
        #expect(try scene.isVisible("[data-with=notice-no-other]") == false)
        try scene.browser.reload()
        #expect(try scene.shows(hasOrder ? "secured" : "unknown"))
        #expect(try eventually { try scene.isVisible("[data-with=untold]") })
        #expect(try scene.isVisible("[data-with=notice-no-other]") == false)
    }

    @Test func `is right again at the next look after the server's clock was an hour ahead`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "9", "--closes-at", "+30m")
        try scene.browser.runFirst(
            """
            (() => {
                const fetch = window.fetch;
                window.fetch = async (path, options) => {
                    const answer = await fetch(path, options);
                    if (path !== '/v1/sales/demo') return answer;
                    window.fetch = fetch;
                    const sale = await answer.json();
                    const ahead = new Date(Date.parse(sale.server_time) + 3_600_000).toISOString();
                    return new Response(
                        JSON.stringify({ ...sale, state: 'paused', server_time: ahead }), { headers: answer.headers });
                };
            })()
            """)
        try scene.open()
        #expect(try scene.shows("ended"))
        #expect(try scene.showsAfterALook("buy"))
    }

    @Test func `shows what was bought on another device`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        #expect(try scene.buy(as: "me") == 201)
        try scene.open()
        #expect(try scene.shows("buy"))
        // The first question for the orders gets no answer.
        _ = try scene.browser.value(
            """
            (() => {
                const fetch = window.fetch;
                window.fetch = (path, options) => {
                    if (options?.method === 'POST' || !path.endsWith('/purchases')) return fetch(path, options);
                    window.fetch = fetch;
                    return Promise.reject(new TypeError());
                };
            })()
            """)
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
    }

    @Test func `knows of a login that came after it when the back button leads to it`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open(token: nil)
        #expect(try scene.shows("login"))
        // The shop sends them back, to a page of its own in the browser's history.
        let token = try scene.system.tokens("me", 1)[0]
        try scene.browser.open("http://\(scene.origin)/?sale=demo&from=login#token=\(token)")
        #expect(try scene.shows("buy"))
        try scene.browser.back()
        #expect(try scene.shows("buy"))
        #expect(try scene.browser.value("location.search") == "?sale=demo")
    }

    @Test(arguments: ["sold out", "closed"])
    func `asks what has become of an old purchase when nobody can buy`(because: String) throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", because == "closed" ? "2" : "1")
        #expect(try scene.buy(as: "me") == 201)
        if because == "closed" { try scene.salectl("close", "demo") }
        try scene.keepOldAttempt()
        try scene.open()
        #expect(try scene.shows("secured"))
        #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
    }

    @Test func `takes an old purchase whose order is shown for no other unit`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "1", "--max-per-buyer", "2")
        #expect(try scene.buy(as: "me") == 201)
        try scene.keepOldAttempt()
        try scene.open()
        #expect(try scene.shows("secured"))
        try scene.salectl("restock", "demo", "1")
        #expect(try eventually { try scene.showsAfterALook("secured") && scene.isVisible("[data-with=another]") })
        try scene.press("another")
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try eventually { try scene.isVisible("[data-with=notice-old-order]") })
        #expect(try scene.requests("POST", "/purchases") == 1)
        try scene.press("buy")
        #expect(try eventually { try scene.text("orders").contains("Order demo-2") })
        #expect(try scene.requests("POST", "/purchases") == 2)
    }

    @Test func `goes on by itself with an old purchase that has been pressed again`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "1")
        try scene.keepOldAttempt()
        try scene.open()
        #expect(try scene.shows("buy"))
        scene.system.apis[0].signal(SIGSTOP)
        try scene.press("buy")
        #expect(try scene.shows("asking"))
        try scene.browser.reload()
        scene.system.apis[0].signal(SIGCONT)
        #expect(try scene.shows("secured"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT buyer, key FROM orders") == ["me1|k"])
    }

    @Test func `sends no old purchase by itself while the sale is only sold out`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "1")
        #expect(try scene.buy(as: "other") == 201)
        try scene.keepOldAttempt()
        try scene.open()
        #expect(try eventually { try scene.requests("GET", "/purchases") == 1 })
        #expect(try scene.shows("sold-out"))
        try scene.salectl("restock", "demo", "1")
        #expect(try scene.showsAfterALook("buy"))
        #expect(try scene.requests("POST", "/purchases") == 0)
        #expect(try scene.requests("GET", "/purchases") == 1, "what is known is asked for again")
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT buyer, key FROM orders WHERE position = 2") == ["me1|k"])
    }

    @Test func `says that it only looks for orders, and does only that again if it was refused`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "1")
        #expect(try scene.buy(as: "other") == 201)
        try scene.keepOldAttempt()
        // The first question for the orders gets no answer until `refuse()`.
        try scene.browser.runFirst(
            """
            (() => {
                const fetch = window.fetch;
                window.fetch = (path, options) => {
                    const answer = fetch(path, options);
                    if (options?.method === 'POST' || !path.endsWith('/purchases')) return answer;
                    window.fetch = fetch;
                    return new Promise((end) => { window.refuse = () => end(new Response('', { status: 400 })); });
                };
            })()
            """)
        try scene.open()
        #expect(try scene.shows("looking"))
        #expect(try scene.news() == "Looking for your orders …")
        _ = try scene.browser.value("window.refuse()")
        #expect(try scene.shows("trouble"))
        try scene.press("resume")
        #expect(try scene.shows("sold-out"))
        #expect(try scene.requests("GET", "/purchases") == 2)
        #expect(try scene.requests("POST", "/purchases") == 0)
    }

    @Test func `tells a buyer without a valid token to log in, and goes on afterwards`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open(token: nil)
        #expect(try scene.shows("login"))
        #expect(try scene.news() == "Please log in")
        let token = try scene.system.tokens("me", 1)[0]
        try scene.open(token: scene.forged(token))
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("login"))
        try scene.open(token: token)
        #expect(try scene.shows("secured"), "the attempt has been forgotten")
    }

    @Test func `tells a buyer without a token before the opening that no button will appear`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m")
        try scene.open(token: nil)
        #expect(try scene.shows("scheduled"))
        #expect(try scene.isVisible("[data-with=logged-in]") == false)
        #expect(try scene.news().hasPrefix("You are not logged in. Come from the shop before "))
    }

    @Test func `asks before it takes a link that is for somebody else`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        // Another page may not change the address of this one, and the token in it.
        let policy = "fetch('./').then((page) => page.headers.get('Cross-Origin-Opener-Policy'))"
        #expect(try scene.browser.value(policy) == "same-origin")

        let other = try scene.system.tokens("other", 1)[0]
        try scene.open(token: other)
        #expect(try scene.shows("doubt"))
        #expect(try scene.news() == "This link is for other1. You are me1 here.")
        #expect(try scene.browser.value("location.hash") == "")
        try scene.press("decline")
        #expect(try scene.shows("buy"))
        #expect(try scene.browser.value("document.querySelector('footer').innerText").contains("You are me1."))
        try scene.open(token: "nonsense")
        #expect(try scene.shows("buy"), "a broken link has logged the buyer out")

        // In another tab too.
        let first = try scene.browser.openTab("http://\(scene.origin)/?sale=demo#token=\(other)")
        #expect(try scene.shows("doubt"))
        try scene.press("accept")
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        try scene.browser.show(first)
        #expect(try scene.shows("buy"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT buyer FROM orders") == ["other1"])
    }

    @Test func `takes nobody to be logged in who was here before, and leaves a link that is declined`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        // A new tab knows who was here last, but has no login.
        let other = try scene.system.tokens("other", 1)[0]
        _ = try scene.browser.openTab("http://\(scene.origin)/?sale=demo#token=\(other)")
        #expect(try scene.shows("doubt"))
        #expect(try scene.news() == "This link is for other1. The last link here was for me1.")
        #expect(try scene.words().contains("Don’t use this link"))
        #expect(try !scene.words().contains("Stay"))
        try scene.press("decline")
        #expect(try scene.shows("login"))
        try scene.browser.reload()
        #expect(try scene.shows("login"), "the link has been taken")
        try scene.open()
        #expect(try scene.shows("buy"))
    }

    @Test func `goes on with no purchase while it is in doubt who buys`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open()
        #expect(try scene.shows("buy"))
        try scene.answer((202, "none"), (401, "unauthorized"))
        try scene.press("buy")
        #expect(try scene.shows("login"))
        try scene.open(token: scene.system.tokens("other", 1)[0])
        #expect(try scene.shows("doubt"))
        #expect(try eventually { try scene.looks() > 0 })
        #expect(try scene.shows("doubt"))
        #expect(try scene.system.query("SELECT count(*) FROM orders") == ["0"])
        try scene.press("decline")
        #expect(try scene.shows("secured"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT buyer FROM orders") == ["me1"])
    }

    @Test func `gives a place in the queue, and sells when its turn has come`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
        try scene.open(token: nil)
        #expect(try scene.shows("login"), "they would have no place when it opens")
        try scene.open()
        #expect(try scene.shows("join"))
        #expect(try scene.news() == "There is a queue")
        try scene.press("join")
        #expect(try scene.shows("waiting"))
        #expect(try scene.news() == "You are in the queue")
        #expect(try scene.text("position") == "1")
        #expect(try scene.text("ahead") == "0")
        try scene.browser.reload()
        #expect(try scene.shows("waiting"), "the place has been forgotten")
        try scene.salectl("set", "demo", "--opens-at", "now")
        #expect(try scene.showsAfterALook("buy"))
        #expect(try scene.isVisible("[data-with=turn]"))
        #expect(try scene.text("countdown").contains(":"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.browser.complaints() == [])
    }

    @Test func `says why a place in the queue takes long`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
        try scene.open()
        #expect(try scene.shows("join"))
        scene.system.apis[0].signal(SIGSTOP)
        try scene.press("join")
        #expect(try scene.shows("joining"))
        #expect(try eventually { try scene.isVisible("[data-with=again-pending]") })
        #expect(try scene.news() == "It has arrived, and is not decided yet.")
        scene.system.apis[0].signal(SIGCONT)
        #expect(try scene.shows("waiting"))
    }

    @Test func `keeps a new place when an answer about the old one comes late`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--admit", "1/s", "--turn-window", "10m")
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("buy"))
        // The next look at the place is answered when `answerLate()` says so.
        _ = try scene.browser.value(
            """
            (() => {
                const fetch = window.fetch, late = new Promise((answer) => { window.answerLate = answer; });
                window.fetch = async (path, options) => {
                    const answer = await fetch(path, options);
                    if (!options?.headers['Sale-Ticket']) return answer;
                    window.isAsked = true;
                    await late;
                    return answer;
                };
            })()
            """)
        #expect(
            try eventually { try scene.showsAfterALook("buy") && scene.browser.value("window.isAsked") == "true" })
        // Another tab has joined again.
        let position = try scene.browser.value(
            """
            (async () => {
                const kept = JSON.parse(localStorage['sale/demo/me1']);
                Object.assign(kept.place, { position: 7, ticket: 'another' });
                localStorage['sale/demo/me1'] = JSON.stringify(kept);
                dispatchEvent(new Event('storage'));
                answerLate();
                await new Promise((end) => setTimeout(end, 100));
                return JSON.parse(localStorage['sale/demo/me1']).place.position;
            })()
            """)
        #expect(position == "7")
    }

    @Test func `asks for a place again that a server gave whose clock was an hour ahead`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("waiting"))
        _ = try scene.browser.value(
            """
            (() => {
                const kept = JSON.parse(localStorage['sale/demo/me1']);
                kept.place.server_time = new Date(Date.now() + 3_600_000).toISOString();
                localStorage['sale/demo/me1'] = JSON.stringify(kept);
                dispatchEvent(new Event('storage'));
            })()
            """)
        let isRight = "Date.parse(JSON.parse(localStorage['sale/demo/me1']).place.server_time) < Date.now() + 1_800_000"
        #expect(try scene.browser.value(isRight) == "false")
        #expect(try eventually { try scene.showsAfterALook("waiting") && scene.browser.value(isRight) == "true" })
    }

    @Test func `joins again by itself if the queue has been lost`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
        #expect(try scene.join(as: "other").contains("\"position\":1,"))
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("waiting"))
        #expect(try scene.text("position") == "2")
        #expect(
            eventually { (try? scene.system.query("SELECT count(*) FROM sales")) == ["1"] }, "SQLite does not know it")
        try scene.system.redis.connect().command(["FLUSHALL"])
        #expect(eventually { (try? scene.system.connect().status(SaleID("demo")!)?.epoch) == 2 })
        #expect(try eventually { try scene.showsAfterALook("waiting") && scene.text("position") == "1" })
        #expect(try scene.news() == "The queue was lost and began again; this is your new place.")
    }

    /// What docs/operations.md tells an operator to do if turns have passed while nobody could buy.
    @Test func `notices that a missed turn begins again when a pause of the sale ends`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--admit", "1/s", "--turn-window", "10m")
        try scene.countRequests()
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("buy"))
        // The turn was an hour ago.
        let began = UnixMilliseconds.now.value - 3_600_000
        try scene.system.redis.connect().command([
            "HSET", "\(SaleKeys(SaleID("demo")!).sale)", "admission", "\(began) 0 1",
        ])
        try scene.press("buy")
        #expect(try scene.shows("missed"))
        #expect(try scene.showsAfterALook("missed"))
        try scene.salectl("pause", "demo")
        try scene.salectl("resume", "demo")
        #expect(try scene.showsAfterALook("buy"))
        #expect(try scene.requests("POST", "/queue") == 1)
        try scene.press("buy")
        #expect(try scene.shows("secured"))
    }

    /// Processes that are restarted one by one with new keys do not know each other's tickets meanwhile. A place is
    /// given, and a purchase decided, where the token leads; a look goes where the ticket leads.
    @Test func `keeps a place that another process does not know, and buys with it`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--admit", "1/s", "--turn-window", "10m")
        try scene.countRequests()
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("buy"))
        try scene.answerLooksAtPlace(403, "ticket-forged")
        let before = try scene.requests("GET", "/queue")
        #expect(
            try eventually {
                try scene.look()
                return try scene.requests("GET", "/queue") > before
            })
        try scene.pass()
        #expect(try scene.requests("POST", "/queue") == 1)
        try scene.press("buy")
        #expect(try scene.shows("secured"))
    }

    @Test func `lets the buyer join again if a purchase is refused for its ticket`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--max-per-buyer", "3", "--admit", "1/s",
            "--turn-window", "10m")
        try scene.countRequests()
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("buy"))
        try scene.answer((202, "none"), (403, "ticket-forged"))
        try scene.press("buy")
        #expect(try scene.shows("join"))
        #expect(
            try scene.news()
                == "Your place could not be checked. Join again: if it is still there, you get the same one.")
        #expect(try scene.requests("POST", "/queue") == 1)
        // What was sent before may have won.
        let key = try scene.browser.value("JSON.parse(localStorage['sale/demo/me1']).attempt?.key")
        try scene.press("join")
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT key FROM orders") == [key])
    }

    @Test func `asks for a lost place again only once a look`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--admit", "1/s", "--turn-window", "10m")
        try scene.countRequests()
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("buy"))
        // A process that has not noticed yet that the queue has begun again.
        try scene.answerLooksAtPlace(409, "ticket-outdated")
        #expect(
            try eventually {
                try scene.look()
                return try scene.requests("POST", "/queue") > 1
            })
        try scene.pass()
        #expect(try scene.requests("POST", "/queue") == 2)
        #expect(try scene.shows("buy"))
    }

    /// `salectl admit` ends a part of the schedule and begins another.
    @Test func `computes each turn as the server does, to the millisecond`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+10m", "--admit", "3/s")
        for index in 1...5 { _ = try scene.join(as: "b\(index)") }
        try scene.salectl("admit", "demo", "7/s")
        let places = try (1...8).map { try scene.join(as: "b\($0)") }
        let queue = try scene.system.ask("GET", "/v1/sales/demo/queue").body
        try scene.browser.open("http://\(scene.origin)/")
        for place in places {
            let agrees = try scene.browser.value(
                """
                import('/rules.js').then(({ turnOf }) => {
                    const place = \(place), turn = turnOf(place.position, \(queue).schedule);
                    return new Date(turn).toISOString() === place.turn_at || `${place.turn_at}, not ${turn}`;
                })
                """)
            #expect(agrees == "true")
        }
        #expect(Set(places).count == 8)
    }

    @Test(arguments: ["demo/queue", "demo/", "../sales", "%2E%2E/sales"])
    func `takes nothing else for a sale, however the address names it`(name: String) throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3", "--admit", "1/s")
        try scene.browser.open("http://\(scene.origin)/?sale=\(name)")
        #expect(try scene.shows("unknown"))
    }

    @Test func `lists the sales if the address names none`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.browser.open("http://\(scene.origin)/")
        #expect(try scene.shows("sales"))
        #expect(try scene.news() == "Sales")
        #expect(try scene.text("sales") == "A lamp – it is over")
        #expect(try scene.isVisible("[data-field=sales] span") == false)
        // It is up to date, and who has come to a link stays there.
        _ = try scene.browser.value("document.querySelector('a[href=\"?sale=demo\"]').focus()")
        try scene.salectl("close", "demo")
        try scene.salectl("create", "chairs", "--title", "A chair", "--stock", "3")
        #expect(
            try eventually {
                try scene.showsAfterALook("sales")
                    && scene.browser.value("document.querySelectorAll('[data-field=sales] a').length") == "2"
            })
        #expect(try scene.browser.value("document.activeElement.textContent") == "A lamp")
        #expect(try scene.browser.value("document.activeElement.nextSibling.checkVisibility()") == "true")
        try scene.browser.press("a[href='?sale=chairs']")
        #expect(try scene.shows("login"))
        try scene.browser.open("http://\(scene.origin)/?sale=none")
        #expect(try scene.shows("unknown"))
        #expect(try scene.news() == "There is no such sale")
    }
}
