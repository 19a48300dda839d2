import Foundation
import TestSupport
import Testing

/// `web/rules.js` in a real browser. The functions are pure, so a table says all.
@Suite(.serialized) struct `What the buyers' page decides` {
    private let ingress: Ingress
    private let browser: Browser

    init() throws {
        let origin = "127.0.0.1:\(RedisServer.freePort())"
        ingress = try Ingress(.sale, ["sale-listen.conf": "listen \(origin);", "sale-web.conf": Browser.pageRoot])
        try ingress.start()
        browser = try Browser()
        try browser.open("http://\(origin)/")
    }

    /// Each row is what the page knows, beside a sale without a waiting room and a buyer who is logged in, and the
    /// view, with the milliseconds until the turn if there is one.
    @Test func `shows what is so`() throws {
        let table = [
            ("{}", "buy"),
            ("{ sale: null }", "loading"),
            ("{ sale: null, refusal: { reason: 'unreachable' } }", "unreachable"),
            ("{ login: null }", "login"),
            ("{ login: { endsAt: now } }", "login"),
            ("{ sale: { ...sale, opens_at: at(1) } }", "scheduled"),
            ("{ sale: { ...sale, opens_at: at(1) }, login: null }", "scheduled"),
            ("{ sale: { ...sale, opens_at: at(1), queue }, login: null }", "login"),
            ("{ login: null, sale: { ...sale, state: 'sold_out' } }", "sold-out"),
            ("{ login: null, sale: { ...sale, state: 'sold_out' }, openQuantity: 1 }", "login"),
            ("{ sale: { ...sale, opens_at: at(0) } }", "buy"),
            ("{ sale: { ...sale, closes_at: at(0) } }", "ended"),
            ("{ sale: { ...sale, state: 'paused' } }", "paused"),
            ("{ sale: { ...sale, state: 'sold_out' } }", "sold-out"),
            ("{ orders: [order] }", "secured"),
            ("{ orders: [order], sale: { ...sale, state: 'sold_out' } }", "secured"),
            ("{ orders: [order], refusal: { reason: 'sold-out' } }", "secured"),
            ("{ orders: [order], buysAnother: true }", "buy"),
            ("{ orders: [order], buysAnother: true, refusal: { reason: 'insufficient' } }", "insufficient"),
            ("{ orders: [order], buysAnother: true, sale: { ...sale, state: 'sold_out' } }", "secured"),
            ("{ orders: [order], buysAnother: true, sale: { ...sale, closes_at: at(0) } }", "secured"),
            ("{ orders: [order, order], buysAnother: true }", "secured"),
            ("{ orders: [order], buysAnother: true, openQuantity: 1, refusal: { reason: 'login' } }", "login"),
            ("{ orders: [order], buysAnother: true, openQuantity: 1, refusal: { reason: 'trouble' } }", "trouble"),
            ("{ orders: [order], buysAnother: true, openQuantity: 1, refusal: { reason: 'unknown' } }", "secured"),
            ("{ asking: 'buy', refusal: { reason: 'sold-out' } }", "asking"),
            ("{ asking: 'join' }", "joining"),
            ("{ asking: 'orders' }", "looking"),
            ("{ refusal: { reason: 'insufficient' } }", "insufficient"),
            ("{ sale: { ...sale, queue } }", "join"),
            ("{ sale: { ...sale, queue }, place: place(at(1), at(2)) }", "waiting 1"),
            ("{ sale: { ...sale, queue }, place: place(null, null) }", "waiting"),
            ("{ sale: { ...sale, queue }, place: place(at(0), at(1)) }", "buy 0"),
            ("{ sale: { ...sale, queue }, place: place(at(-2), at(-1)) }", "missed"),
            ("{ sale: { ...sale, queue, closes_at: at(3) }, place: place(at(0), at(9)) }", "buy 0 to 3"),
            ("{ sale: { ...sale, queue, closes_at: at(3) }, place: place(at(5), at(9)) }", "waiting 5 to 3"),
            ("{ sale: { ...sale, queue }, place: { ...place(null, null), state: 'missed' } }", "missed"),
            ("{ sale: { ...sale, queue }, place: old(place(null, null)), queue: later }", "missed"),
            ("{ sale: { ...sale, queue, state: 'paused' }, place: place(at(-2), at(-1)) }", "paused"),
            ("{ sale: { ...sale, queue, state: 'sold_out' }, place: place(at(1), at(2)) }", "sold-out"),
            ("{ sale: null, sales: [] }", "sales"),
            ("{ sale: null, sales: [], refusal: { reason: 'unreachable' } }", "unreachable"),
            ("{ orders: [order], doubt: {} }", "doubt"),
            ("{ sale: { ...sale, queue }, place: place(at(1), at(2)), login: null }", "login 1"),
            ("{ sale: { ...sale, queue }, place: place(at(-1), at(2)), login: { endsAt: now } }", "login -1"),
            ("{ sale: { ...sale, queue }, place: place(at(-2), at(-1)), login: null }", "login"),
            ("{ sale: { ...sale, queue }, place: place(at(1), at(2)), refusal: { reason: 'login' } }", "login 1"),
        ]
        for (known, expected) in table {
            let shown = try browser.value(
                """
                import('/rules.js').then(({ view }) => {
                    const now = 1e12, at = (ms) => new Date(now + ms).toISOString();
                    const sale = {
                        state: 'open', opens_at: null, closes_at: null, server_time: at(0), remaining: 5,
                        max_per_buyer: 2,
                    };
                    const schedule = [{ from: at(-60_001), after: 1, rate: 1, paused: false }];
                    const later = { server_time: at(0), turn_window_seconds: 60, schedule };
                    const old = (place) => ({ ...place, server_time: at(-900_000) });
                    const queue = { turn_window_seconds: 60 }, order = { order: 'demo-1', quantity: 1 };
                    const place = (turn_at, expires_at) => ({ position: 1, ahead: 0, turn_at, expires_at });
                    const login = { endsAt: now + 1000 };
                    const page = { sale, login, orders: [], asking: null, refusal: null, place: null, queue: null };
                    const known = { ...page, ...\(known) };
                    const { name, turn } = view(known, now);
                    const ends = turn && known.sale?.closes_at ? `to ${turn.ends - now}` : '';
                    return [name, turn?.begins ? turn.begins - now : '', ends].join(' ').trim();
                })
                """)
            #expect(shown == expected, "\(known)")
        }
    }

    /// Each row is an answer, how many there were before, where in its spread the wait is, and what is to be done.
    @Test func `repeats what may still succeed, no sooner than it is told, and takes a no for a no`() throws {
        let table = [
            ("{ status: 202, retryAfterSeconds: 1 }", 0, 0, "again pending 1000"),
            ("{ status: 202, retryAfterSeconds: 1 }", 0, 1, "again pending 2000"),
            ("{ status: 429, problem: 'rate-limited', retryAfterSeconds: 30 }", 0, 0, "again busy 30000"),
            ("{ status: 503, retryAfterSeconds: 1 }", 5, 0, "again busy 16000"),
            ("{ status: 503, retryAfterSeconds: 1 }", 99, 1, "again busy 32000"),
            ("{ status: 503, retryAfterSeconds: 2592000 }", 0, 0, "again busy 2147483647"),
            ("{ status: 409, problem: 'sale-paused', retryAfterSeconds: 5 }", 0, 0, "again paused 5000"),
            ("{ status: 0, retryAfterSeconds: 0 }", 0, 0, "again offline 500"),
            ("{ status: 0, retryAfterSeconds: 0 }", 2, 1, "again offline 4000"),
            ("{ status: 409, problem: 'sold-out' }", 0, 0, "refused sold-out"),
            ("{ status: 409, problem: 'sale-not-open', retryAfterSeconds: 2592000 }", 0, 0, "refused stale"),
            ("{ status: 409, problem: 'ticket-outdated' }", 0, 0, "refused outdated"),
            ("{ status: 403, problem: 'ticket-forged' }", 0, 0, "refused bad-ticket"),
            ("{ status: 403, problem: 'ticket-foreign' }", 0, 0, "refused bad-ticket"),
            ("{ status: 403, problem: 'ticket-of-another' }", 0, 0, "refused bad-ticket"),
            ("{ status: 422, problem: 'idempotency-key-reused' }", 0, 0, "refused trouble"),
            ("{ status: 200, body: {} }", 0, 0, "refused trouble"),
            ("{ status: 201, body: { status: 'secured' } }", 0, 0, "done"),
            ("{ status: 201, body: { ticket: 'e30' } }", 0, 0, "done"),
            ("{ status: 200, body: { orders: [] } }", 0, 0, "done"),
        ]
        for (answer, tries, random, expected) in table {
            let judged = try browser.value(
                """
                import('/rules.js').then(({ judge }) => {
                    const { kind, reason, afterMs } = judge(\(answer), \(tries), \(random));
                    return [kind, reason, afterMs].join(' ').trim();
                })
                """)
            #expect(judged == expected, "\(answer), \(tries)")
        }
    }

    /// Each row is what the page knows, how long it waits at least and at most, and whether it looks at the queue too.
    @Test func `looks often enough for a turn, and seldom enough for a million`() throws {
        let table = [
            ("{ sale: null }", "30000 60000 false"),
            ("{ sale: { state: 'open' } }", "30000 60000 false"),
            ("{ sale: { state: 'paused' } }", "15000 30000 false"),
            ("{ sale: room(120) }", "30000 60000 false"),
            ("{ sale: room(120), place: {} }", "20000 40000 true"),
            ("{ sale: room(60), place: {} }", "10000 20000 true"),
            ("{ sale: room(60), place: { state: 'missed' } }", "30000 60000 true"),
            ("{ sale: { ...room(60), state: 'sold_out' }, place: {} }", "30000 60000 false"),
            ("{ sale: { ...room(60), state: 'ended' }, place: {} }", "30000 60000 false"),
            ("{ sale: room(60), place: {}, orders: [{}] }", "30000 60000 false"),
            ("{ sale: room(60), place: {}, orders: [{}], buysAnother: true }", "10000 20000 true"),
        ]
        for (known, expected) in table {
            let looks = try browser.value(
                """
                import('/rules.js').then(({ dependsOnQueue, nextLookMs }) => {
                    const room = (seconds) => ({ state: 'open', queue: { turn_window_seconds: seconds } });
                    const page = { place: null, orders: [], buysAnother: false, ...\(known) };
                    return [nextLookMs(page, 0), nextLookMs(page, 1), dependsOnQueue(page)].join(' ');
                })
                """)
            #expect(looks == expected, "\(known)")
        }
    }

    /// By the device's own clock, which may be set back or forward meanwhile.
    @Test func `goes on by itself with an attempt of the last ten minutes`() throws {
        let table = [
            ("null", false), ("0", true), ("599999", true), ("600000", false), ("-599999", true), ("-600000", false),
        ]
        for (age, expected) in table {
            let goesOn = try browser.value(
                """
                import('/rules.js').then(({ goesOn }) =>
                    goesOn(\(age) === null ? null : { at: 1e12 - \(age) }, 1e12))
                """)
            #expect(goesOn == "\(expected)", "\(age)")
        }
    }

    /// Each row is the answers about a buyer's orders, how many receipts are in them, and why one is missing.
    @Test func `says why a receipt is missing`() throws {
        let table = [
            ("[signed]", "1 of 1 null"),
            ("[signed, signed]", "2 of 2 null"),
            ("[signed, { status: 503, body: {} }]", "1 of 2 failed"),
            ("[signed, { status: 0, body: {} }]", "1 of 2 failed"),
            ("[{ status: 401, body: {} }, { status: 0, body: {} }]", "0 of 2 login"),
            ("[{ status: 200, body: { receipt: null } }]", "0 of 1 none"),
            ("[signed, { status: 404, body: {} }]", "1 of 2 gone"),
        ]
        for (answers, expected) in table {
            let judged = try browser.value(
                """
                import('/rules.js').then(({ judgeReceipts }) => {
                    const signed = { status: 200, body: { receipt: 'e30' } };
                    const { texts, asked, missing } = judgeReceipts(\(answers));
                    return `${texts.length} of ${asked} ${missing}`;
                })
                """)
            #expect(judged == expected, "\(answers)")
        }
    }

    /// Each row is what the server says, in milliseconds from now, and what the page makes of it, in seconds.
    @Test func `believes the latest time that it hears, and a clock that was set back`() throws {
        let table = [
            ("[0]", 0), ("[0, -20_000]", 0), ("[0, 9000]", 9), ("[3_600_000, 0]", 0), ("[0, -3_600_000]", -3600),
        ]
        for (heard, expected) in table {
            let seconds = try browser.value(
                """
                import('/server.js').then(({ ServerClock }) => {
                    const clock = new ServerClock(), now = Date.now();
                    for (const ms of \(heard)) clock.hears(new Date(now + ms).toISOString());
                    return Math.round((clock.now - now) / 1000);
                })
                """)
            #expect(seconds == "\(expected)", "\(heard)")
        }
    }

    /// The device sleeps for an hour. Whichever it does first when it wakes, it knows the time, and that it has slept.
    @Test(arguments: ["hears", "hasSlept"]) func `makes up for a sleep once`(first: String) throws {
        let found = try browser.value(
            """
            import('/server.js').then(({ ServerClock }) => {
                const clock = new ServerClock(), now = Date.now(), hour = 3_600_000;
                clock.hears(new Date(now).toISOString());
                const deviceNow = Date.now;
                Date.now = () => deviceNow() + hour;
                if ('\(first)' === 'hears') clock.hears(new Date(now + hour).toISOString());
                const found = [clock.hasSlept(), clock.hasSlept(), Math.round((clock.now - now) / hour)].join(' ');
                Date.now = deviceNow;
                return found;
            })
            """)
        #expect(found == "true false 1")
    }

    /// `AbortSignal.timeout` is not there in Safari before 16 and Chrome before 103.
    @Test func `gives up a request that takes too long, in older browsers too`() throws {
        let status = try browser.value(
            """
            import('/server.js').then(async ({ ask, ServerClock }) => {
                delete AbortSignal.timeout;
                const wait = window.setTimeout;
                window.setTimeout = (what, ms) => wait(what, ms / 100);
                window.fetch = (path, { signal }) => new Promise((answer, fail) => {
                    signal?.addEventListener('abort', () => fail(signal.reason));
                });
                const answer = await Promise.race([
                    ask(new ServerClock(), '/'), new Promise((end) => wait(end, 10_000, { status: 'none' })),
                ]);
                return answer.status;
            })
            """)
        #expect(status == "0")
    }
}
