import Foundation
import Shared
import TestSupport
import Testing

extension `The buyers' page` {
    @Suite struct `while it sells` {
        @Test func `counts down to the opening, sells then, and shows the receipt`() throws {
            let scene = try PageScene(receipts: true)
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

        @Test func `goes on with the same purchase after a reload, and another tab with it`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "10", "--max-per-buyer", "3")
            try scene.open()
            #expect(try scene.shows("buy"))
            _ = try scene.browser.value("document.querySelector('select').value = 2")
            try scene.press("buy")
            #expect(try scene.shows("secured"))
            try scene.press("another")
            #expect(try scene.shows("buy"))
            #expect(try scene.news() == "On sale now")
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
            let scene = try PageScene()
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

        @Test func `says of a purchase that is refused for the limit that it won nothing`() throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "Lamps", "--stock", "9", "--max-per-buyer", "2")
            try scene.open()
            #expect(try scene.shows("buy"))
            // On another device.
            #expect(try scene.buy(as: "me") == 201)
            _ = try scene.browser.value("document.querySelector('select').value = 2")
            try scene.press("buy")
            #expect(try scene.shows("secured"))
            #expect(try scene.text("orders").hasPrefix("Order demo-1: number 1, "))
            #expect(try scene.news() == "You did not get another unit.")
        }

        @Test func `says who has the receipt once the sale is archived`() throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
            try scene.open()
            #expect(try scene.shows("buy"))
            try scene.press("buy")
            #expect(try scene.shows("secured"))
            try scene.salectl("close", "demo")
            #expect(scene.system.drained(SaleID("demo")!))
            try scene.salectl("archive", "demo")
            // A process that has not listed the sales since then still takes it for lost.
            let isGone = try eventually {
                try scene.pass()
                if try scene.isVisible("[data-action=receipt]") { try scene.press("receipt") }
                return try scene.news() == "The receipt is no longer here. Please ask the shop."
            }
            #expect(isGone)
            #expect(try scene.isVisible("[data-action=receipt]") == false)
        }

        @Test func `says nothing of another unit while it may have been won, or if none was asked for`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            // One unit alone is no choice, so nothing else shows that it is not three.
            #expect(try scene.buy(as: "fourth") == 201)
            #expect(try eventually { try scene.showsAfterALook("buy") && scene.text("most") == "1" })
            #expect(try scene.news() == "You chose 3 units. No more than 1 can be bought now.")
            try scene.salectl("restock", "demo", "2")
            #expect(
                try eventually { try scene.showsAfterALook("buy") && scene.browser.value("\(select).value") == "3" })
            #expect(try scene.news() == "On sale now")
        }

        @Test func `goes on after a purchase that is answered before the first look at the sale`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
    }
}
