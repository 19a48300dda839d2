/// What things cost on one core of the machine that docs/performance.md describes, rounded up. If a command is named,
/// it measures the cost again.
struct MeasuredCosts: Sendable {
    // CPU, in microseconds.

    /// sale-api, for a decision behind nginx, whose many connections bring a few requests at a time
    /// (`script/bench ingress`, `api_us` with kept connections).
    var apiDecision = 11.0
    /// Redis, for a decision that the sale is sold out, or a buyer over its limit (`script/bench edge`, decided by
    /// Redis).
    var redisRefusal = 2.2
    /// Redis, for a win: the buyer's field, the stream entry, its share of an fsync (`script/bench decide`, winning).
    var redisWin = 12.0
    /// nginx, for forwarding a request and its answer, over HTTP/2 on TLS, as from browsers (`script/bench ingress`,
    /// `h2_us`).
    var nginxRequest = 37.0
    /// nginx, for a page from its cache, likewise (`script/bench ingress`, `look_us`).
    var nginxLook = 27.0
    /// nginx, for a connection with a TLS handshake: P-256, not resumed (`script/bench ingress`, `handshake_us`).
    var nginxHandshake = 420.0
    /// The worker, for an order from the stream into SQLite and its ledger: elapsed time, fsyncs included
    /// (`script/bench worker`, a backlog of a million).
    var workerOrder = 37.0

    // Memory and disk, in bytes.

    /// Redis, for an order: 98 in the buyers hash, 129 on the stream, if names and keys have 14 bytes.
    var redisOrder = 230
    /// Redis' append-only file, for an order, until it is rewritten.
    var aofOrder = 400
    /// Redis, for a buyer's place in a waiting room (`script/bench queue`).
    var redisPlace = 64
    /// Redis' append-only file, for a place, until it is rewritten.
    var aofPlace = 105
    /// SQLite, for an order with its ledger entry and its indices.
    var sqliteOrder = 400
    /// nginx, for an open HTTP/2 connection on TLS: what each of 10,000 added to its workers (`script/bench ingress`,
    /// `idle_h2_bytes`). The kernel's share comes on top.
    var nginxConnection = 17_000
    /// sale-api, before the first request: the program, its tables and buffers.
    var apiProcess = 64 << 20
}
