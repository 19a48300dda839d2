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

    /// Each row is what the page knows, beside a sale without a waiting room and a buyer who is logged in, and the view.
    @Test func `shows what is so`() throws {
        let table = [
            ("{}", "buy"),
            ("{ sale: null }", "loading"),
            ("{ sale: null, refusal: { reason: 'unreachable' } }", "unreachable"),
            ("{ login: null }", "login"),
            ("{ login: { endsAt: now } }", "login"),
            ("{ sale: { ...sale, opens_at: at(1) } }", "scheduled"),
            ("{ sale: { ...sale, opens_at: at(1) }, login: null }", "scheduled"),
            ("{ sale: { ...sale, opens_at: at(0) } }", "buy"),
            ("{ sale: { ...sale, closes_at: at(0) } }", "ended"),
            ("{ sale: { ...sale, state: 'paused' } }", "paused"),
            ("{ sale: { ...sale, state: 'sold_out' } }", "sold-out"),
            ("{ orders: [order] }", "secured"),
            ("{ orders: [order], sale: { ...sale, state: 'sold_out' } }", "secured"),
            ("{ orders: [order], buysAnother: true }", "buy"),
            ("{ orders: [order], refusal: { reason: 'sold-out' } }", "secured"),
            ("{ asking: 'buy', refusal: { reason: 'sold-out' } }", "asking"),
            ("{ refusal: { reason: 'insufficient' } }", "insufficient"),
            ("{ sale: { ...sale, queue } }", "join"),
            ("{ sale: { ...sale, queue }, place: place(at(1), at(2)) }", "waiting"),
            ("{ sale: { ...sale, queue }, place: place(null, null) }", "waiting"),
            ("{ sale: { ...sale, queue }, place: place(at(0), at(1)) }", "buy"),
            ("{ sale: { ...sale, queue }, place: place(at(-2), at(-1)) }", "missed"),
            ("{ sale: { ...sale, queue }, place: { ...place(null, null), state: 'missed' } }", "missed"),
            ("{ sale: { ...sale, queue, state: 'paused' }, place: place(at(-2), at(-1)) }", "paused"),
            ("{ sale: { ...sale, queue, state: 'sold_out' }, place: place(at(1), at(2)) }", "sold-out"),
        ]
        for (known, expected) in table {
            let shown = try browser.value(
                """
                import('/rules.js').then(({ view }) => {
                    const now = 1e12, at = (ms) => new Date(now + ms).toISOString();
                    const sale = { state: 'open', opens_at: null, closes_at: null, server_time: at(0) };
                    const queue = { turn_window_seconds: 60 }, order = { order: 'demo-1', quantity: 1 };
                    const place = (turn_at, expires_at) => ({ position: 1, ahead: 0, turn_at, expires_at });
                    const login = { endsAt: now + 1000 };
                    const page = { sale, login, orders: [], asking: null, refusal: null, place: null, queue: null };
                    return view({ ...page, ...\(known) }, now).name;
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
            ("{ status: 409, problem: 'sale-paused', retryAfterSeconds: 5 }", 0, 0, "again paused 5000"),
            ("{ status: 0, retryAfterSeconds: 0 }", 0, 0, "again offline 500"),
            ("{ status: 0, retryAfterSeconds: 0 }", 2, 1, "again offline 4000"),
            ("{ status: 409, problem: 'sold-out' }", 0, 0, "refused sold-out"),
            ("{ status: 409, problem: 'sale-not-open', retryAfterSeconds: 2592000 }", 0, 0, "refused stale"),
            ("{ status: 422, problem: 'idempotency-key-reused' }", 0, 0, "refused trouble"),
            ("{ status: 200, body: {} }", 0, 0, "refused trouble"),
            ("{ status: 201, body: { status: 'secured' } }", 0, 0, "done"),
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

    /// Each row is a sale, whether the buyer has a place, and how long the page waits at least and at most.
    @Test func `looks often enough for a turn, and seldom enough for a million`() throws {
        let table = [
            ("null", false, "30000 60000"),
            ("{ state: 'open' }", false, "30000 60000"),
            ("{ state: 'paused' }", false, "15000 30000"),
            ("{ state: 'open', queue: { turn_window_seconds: 120 } }", true, "20000 40000"),
            ("{ state: 'open', queue: { turn_window_seconds: 30 } }", true, "5000 10000"),
            ("{ state: 'open', queue: { turn_window_seconds: 30 } }", false, "30000 60000"),
        ]
        for (sale, hasPlace, expected) in table {
            let waits = try browser.value(
                """
                import('/rules.js').then(({ nextLookMs }) => {
                    const page = { sale: \(sale), place: \(hasPlace ? "{}" : "null") };
                    return [nextLookMs(page, 0), nextLookMs(page, 1)].join(' ');
                })
                """)
            #expect(waits == expected, "\(sale), \(hasPlace)")
        }
    }
}
