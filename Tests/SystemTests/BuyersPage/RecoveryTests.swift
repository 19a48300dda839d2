import Foundation
import Shared
import TestSupport
import Testing

extension `The buyers' page` {
    @Suite struct `after an interruption` {
        @Test func `says that the sale does not answer, and looks at once when the network is back`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
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
        private func sale(boughtFrom hasOrder: Bool) throws -> PageScene {
            let scene = try PageScene()
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
        private func archive(_ scene: PageScene, boughtFrom hasOrder: Bool) throws {
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
            let scene = try PageScene()
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
                        const body = JSON.stringify({ ...sale, state: 'paused', server_time: ahead });
                        return new Response(body, { headers: answer.headers });
                    };
                })()
                """)
            try scene.open()
            #expect(try scene.shows("ended"))
            #expect(try scene.showsAfterALook("buy"))
        }

        @Test func `shows what was bought on another device`() throws {
            let scene = try PageScene()
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

        @Test(arguments: ["sold out", "closed"])
        func `asks what has become of an old purchase when nobody can buy`(because: String) throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", because == "closed" ? "2" : "1")
            #expect(try scene.buy(as: "me") == 201)
            if because == "closed" { try scene.salectl("close", "demo") }
            try scene.keepOldAttempt()
            try scene.open()
            #expect(try scene.shows("secured"))
            #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
        }

        @Test func `takes an old purchase whose order is shown for no other unit`() throws {
            let scene = try PageScene()
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

        /// Presses a button while nobody answers, and expects the page, loaded anew, to go on by itself.
        private func expectItGoesOn(_ scene: PageScene, pressing button: String) throws {
            scene.system.apis[0].signal(SIGSTOP)
            try scene.press(button)
            #expect(try scene.shows("asking"))
            try scene.browser.reload()
            scene.system.apis[0].signal(SIGCONT)
            #expect(try scene.shows("secured"))
            #expect(try scene.requests("POST", "/purchases") >= 1, "it has asked, not only read the order")
        }

        @Test func `goes on by itself with an old purchase that has been pressed again`() throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "2")
            try scene.keepOldAttempt()
            try scene.open()
            #expect(try scene.shows("buy"))
            try expectItGoesOn(scene, pressing: "buy")
            #expect(scene.system.drained(SaleID("demo")!))
            #expect(try scene.system.query("SELECT buyer, key FROM orders") == ["me1|k"])
        }

        @Test func `goes on by itself with an old purchase that was refused, once it is tried again`() throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "2")
            try scene.countRequests()
            try scene.open()
            #expect(try scene.shows("buy"))
            try scene.answer((400, "malformed-body"))
            try scene.press("buy")
            #expect(try scene.shows("trouble"))
            // An hour later.
            _ = try scene.browser.value(
                """
                (() => {
                    const kept = JSON.parse(localStorage['sale/demo/me1']);
                    kept.attempt.at -= 3_600_000;
                    localStorage['sale/demo/me1'] = JSON.stringify(kept);
                })()
                """)
            try expectItGoesOn(scene, pressing: "resume")
        }

        @Test func `sends no old purchase by itself while the sale is only sold out`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
    }
}
