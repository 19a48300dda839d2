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
                _ = try browser.value("document.dispatchEvent(new Event('visibilitychange'))")
                usleep(200_000)
                return try browser.value(Self.shown) == view
            }
        }

        func isVisible(_ selector: String) throws -> Bool {
            let found = "document.querySelector('section:not([hidden]) \(selector)')"
            return try browser.value("\(found)?.checkVisibility()") == "true"
        }

        /// What a field of the view says; "" if the view has no such field.
        func text(_ field: String) throws -> String {
            let found = "document.querySelector('section:not([hidden]) [data-field=\(field)]')"
            return try browser.value("\(found)?.textContent ?? ''")
        }

        func press(_ action: String) throws {
            try browser.press("section:not([hidden]) form[data-action=\(action)] button")
        }

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
        #expect(try scene.isVisible("[data-with=login-ends]"), "the login ends after an hour")
        try scene.salectl("set", "demo", "--opens-at", "+3s")
        #expect(try scene.showsAfterALook("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT buyer, position, quantity FROM orders") == ["me1|1|1"])

        try scene.press("receipt")
        #expect(try eventually { try scene.text("receipt").split(separator: ".").count == 3 })
        #expect(try scene.browser.complaints() == [])
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
        #expect(try eventually { try scene.isVisible("[data-with=paused]") })
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
        #expect(scene.system.drained(SaleID("demo")!))
        #expect(try scene.system.query("SELECT position, quantity FROM orders") == ["1|2", "2|1"])
    }

    @Test func `shows what was bought on another device`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        #expect(try scene.buy(as: "me") == 201)
        try scene.open()
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
    }

    @Test func `tells a buyer without a valid token to log in, and goes on afterwards`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.open(token: nil)
        #expect(try scene.shows("login"))
        let token = try scene.system.tokens("me", 1)[0]
        try scene.open(token: String(token.dropLast(4)) + "AAAA")
        #expect(try scene.shows("buy"))
        try scene.press("buy")
        #expect(try scene.shows("login"))
        try scene.open(token: token)
        #expect(try scene.shows("secured"), "the attempt has been forgotten")
    }

    @Test func `gives a place in the queue, and sells when its turn has come`() throws {
        let scene = try Scene()
        try scene.salectl(
            "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
        try scene.open()
        #expect(try scene.shows("join"))
        try scene.press("join")
        #expect(try scene.shows("waiting"))
        #expect(try scene.text("position") == "1")
        #expect(try scene.text("ahead") == "0")
        try scene.browser.reload()
        #expect(try scene.shows("waiting"), "the place has been forgotten")
        try scene.salectl("set", "demo", "--opens-at", "now")
        #expect(try scene.showsAfterALook("buy"))
        #expect(try scene.isVisible("[data-with=turn]"))
        try scene.press("buy")
        #expect(try scene.shows("secured"))
        #expect(try scene.browser.complaints() == [])
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
        #expect(
            try eventually {
                try scene.browser.reload(); return try scene.text("position") == "1"
            })
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

    @Test func `lists the sales if the address names none`() throws {
        let scene = try Scene()
        try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
        try scene.browser.open("http://\(scene.origin)/")
        #expect(try scene.shows("sales"))
        try scene.browser.press("a[href='?sale=demo']")
        #expect(try scene.shows("login"))
        try scene.browser.open("http://\(scene.origin)/?sale=none")
        #expect(try scene.shows("unknown"))
    }
}
