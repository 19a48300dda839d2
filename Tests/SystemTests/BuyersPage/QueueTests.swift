import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

extension `The buyers' page` {
    @Suite struct `of a sale with a waiting room` {
        @Test func `gives a place in the queue, and sells when its turn has come`() throws {
            let scene = try PageScene()
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
            #expect(try scene.news() == "It is your turn, for a short time only: press Buy now.")
            #expect(try scene.text("countdown").contains(":"))
            try scene.press("buy")
            #expect(try scene.shows("secured"))
            #expect(try scene.browser.complaints() == [])
        }

        @Test func `says that a turn comes too late if the sale closes before it`() throws {
            let scene = try PageScene()
            try scene.salectl(
                "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
            for number in 1...9 { _ = try scene.join(as: "early\(number)") }
            try scene.open()
            #expect(try scene.shows("join"))
            try scene.press("join")
            #expect(try scene.shows("waiting"))
            #expect(try scene.isVisible("[data-with=too-late]") == false)
            // Its turn is ten seconds after the opening.
            let opening = Date.now.addingTimeInterval(3600)
            try scene.salectl(
                "set", "demo", "--opens-at", opening.ISO8601Format(), "--closes-at",
                opening.addingTimeInterval(5).ISO8601Format())
            #expect(try eventually { try scene.showsAfterALook("waiting") && scene.isVisible("[data-with=too-late]") })
        }

        @Test func `says why a place in the queue takes long`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let isRight =
                "Date.parse(JSON.parse(localStorage['sale/demo/me1']).place.server_time) < Date.now() + 1_800_000"
            #expect(try scene.browser.value(isRight) == "false")
            #expect(try eventually { try scene.showsAfterALook("waiting") && scene.browser.value(isRight) == "true" })
        }

        @Test func `joins again by itself if the queue has been lost`() throws {
            let scene = try PageScene()
            try scene.salectl(
                "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+50m", "--admit", "1/s")
            #expect(try scene.join(as: "other").contains("\"position\":1,"))
            try scene.open()
            #expect(try scene.shows("join"))
            try scene.press("join")
            #expect(try scene.shows("waiting"))
            #expect(try scene.text("position") == "2")
            #expect(
                eventually { (try? scene.system.query("SELECT count(*) FROM sales")) == ["1"] },
                "SQLite does not know it")
            try scene.system.redis.connect().command(["FLUSHALL"])
            #expect(eventually { (try? scene.system.connect().status(SaleID("demo")!)?.epoch) == 2 })
            #expect(try eventually { try scene.showsAfterALook("waiting") && scene.text("position") == "1" })
            #expect(try scene.news() == "The queue was lost and began again; this is your new place.")
        }

        /// What docs/operations.md tells an operator to do if turns have passed while nobody could buy.
        @Test func `notices that a missed turn begins again when a pause of the sale ends`() throws {
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
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
            let scene = try PageScene()
            try scene.salectl(
                "create", "demo", "--title", "A lamp", "--stock", "3", "--opens-at", "+10m", "--admit", "3/s")
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
    }
}
