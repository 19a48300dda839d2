import Foundation
import Shared
import TestSupport
import Testing

extension `The buyers' page` {
    @Suite struct `that the shop's link opens` {
        @Test func `keeps the token out of the address`() throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
            try scene.open()
            #expect(try scene.shows("buy"))
            #expect(try scene.browser.value("location.href") == "http://\(scene.origin)/?sale=demo")
            try scene.browser.reload()
            #expect(try scene.shows("buy"), "the tab has forgotten who it is")
        }

        @Test func `knows of a login that came after it when the back button leads to it`() throws {
            let scene = try PageScene()
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

        @Test func `takes no login that has ended for one that has not`() throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3")
            try scene.open()
            #expect(try scene.shows("buy"))
            // As the browser's history keeps links.
            try scene.open(token: scene.ended("me"))
            #expect(try scene.shows("buy"))
            try scene.open(token: scene.ended("other"))
            #expect(try scene.shows("doubt"))
        }

        @Test func `tells a buyer without a valid token to log in, and goes on afterwards`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m")
            try scene.open(token: nil)
            #expect(try scene.shows("scheduled"))
            #expect(try scene.isVisible("[data-with=logged-in]") == false)
            #expect(try scene.news().hasPrefix("You are not logged in. Come from the shop before "))
        }

        @Test func `asks before it takes a link that is for somebody else`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
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

        @Test(arguments: ["demo/queue", "demo/", "../sales"])
        func `takes nothing else for a sale, however the address names it`(name: String) throws {
            let scene = try PageScene()
            try scene.salectl("create", "demo", "--title", "A lamp", "--stock", "3", "--admit", "1/s")
            try scene.browser.open("http://\(scene.origin)/?sale=\(name)")
            #expect(try scene.shows("unknown"))
        }

        @Test func `lists the sales if the address names none`() throws {
            let scene = try PageScene()
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
}
